// Command-line flags bound to typed variables, for the lessons in which flags are not the subject
// (step07 writes its own).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/range.h"

namespace course {

/// Thrown by Flags::parse for --help; run_program prints the text and exits with 0.
struct HelpRequested {
  std::string text;
};

/// Flags of one program. Each is bound to a variable, whose value at that time is the default:
///
///     Flags flags("step04_main", "The barest training loop.");
///     flags.add("epochs", options.epochs, "times through the training set", at_least(1));
///     flags.parse(argc, argv);
class Flags {
 public:
  Flags(std::string program, std::string summary);
  ~Flags();

  /// Declares --`name VALUE`; `value` must outlive the call of parse().
  Flags& add(const std::string& name, std::string& value, const std::string& help);
  Flags& add(const std::string& name, int64_t& value, const std::string& help, Range allowed = {});
  Flags& add(const std::string& name, double& value, const std::string& help, Range allowed = {});
  /// Declares the switch --`name`, which sets `value`.
  Flags& add(const std::string& name, bool& value, const std::string& help);

  /// Reads the command line into the variables; all of them keep their defaults when it throws.
  /// @throws UsageError for an unknown flag (with the nearest known one), a value that is no number
  ///         or out of range, a missing value or a stray argument; HelpRequested for --help.
  void parse(int argc, const char* const* argv);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace course
