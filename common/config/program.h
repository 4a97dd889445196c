// Runs a program's body and turns what it throws into one sentence and an exit code.
#pragma once

#include <functional>
#include <string>

namespace course {

/// Sets up the threads (device/threads.h), calls `body` and returns main's exit code: 0, or 2 after
/// a UsageError, or 1 after any other exception, with one line `error: ...` on standard error
/// instead of libtorch's stack of C++ frames. --help (HelpRequested) prints its text and gives 0;
/// Interrupted prints why it stopped and gives 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
/// @param batch_size  what the program calls the option that takes less memory; "": it has none
int run_program(const std::function<void()>& body, const std::string& batch_size = "--batch-size");

}  // namespace course
