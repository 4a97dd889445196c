// How a program ends: one sentence, and an exit code.
#pragma once

#include <exception>
#include <string>

namespace course {

/// Says on standard error why a program ends, in one line `error: ...`, without libtorch's stack of
/// C++ frames, and returns main's exit code: 2 for a UsageError, 1 for any other exception, and for
/// Interrupted, which is not an error, 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
/// @param batch_size  what the program calls the option that takes less memory; "": it has none
int report_end(const std::exception_ptr& error, const std::string& batch_size);

/// Writes what standard output still holds. @throws Error if it could not be written
void finish_output();

}  // namespace course
