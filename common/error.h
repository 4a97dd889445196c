// The two errors a program answers with one sentence instead of a stack of C++ frames.
#pragma once

#include <stdexcept>
#include <string>

namespace course {

/// Something outside the program is not as it must be (a file, a device). The message is one clear
/// sentence: what was wrong, what was expected, what was found, what to do. Programs exit with 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The command line is wrong: an unknown flag, a value out of range. Programs exit with 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

}  // namespace course
