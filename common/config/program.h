// Runs a program's body and turns what it throws into one sentence and an exit code.
#pragma once

#include <functional>
#include <string>

namespace course {

/// Sets up the threads (device/threads.h), calls `body` and returns main's exit code: 0, also after
/// --help (HelpRequested), whose text it prints, or what report_end() says
/// (terminal/program_end.h).
/// @param batch_size  what the program calls the option that takes less memory; "": it has none
int run_program(const std::function<void()>& body, const std::string& batch_size = "--batch-size");

}  // namespace course
