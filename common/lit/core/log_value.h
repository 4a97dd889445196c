// A number that was logged, wherever it is.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <type_traits>

#include "serialize/value.h"

namespace lit {

/// A number that was logged. On an accelerator it stays there until somebody asks for it.
class LogValue {
 public:
  /// Any number or bool. A pointer, which C++ would take for a bool, is refused by the compiler.
  template <typename Number>
  requires std::is_arithmetic_v<Number> LogValue(Number number)
      : number_(static_cast<double>(number)), single_(std::is_same_v<Number, float>) {}
  /// A tensor with one element; the graph behind it is left. One on an accelerator is kept as it
  /// is, without a kernel, and must not be written to afterwards; what others are likely to write
  /// to (a parameter, a part of a larger tensor, a tensor that was written to before) is copied.
  /// @throws Error unless it has exactly one element
  LogValue(const torch::Tensor& tensor);
  /// The same, of a tensor on any device: the number is left where it is.
  static LogValue left_there(const torch::Tensor& tensor);

  /// Waits for the device if the number is there.
  /// @throws Error if the tensor was written to after it was logged
  double value() const;
  operator double() const { return value(); }

  /// Is it a float32, to be summed up as one?
  bool single() const { return single_; }
  /// Is the number in a tensor still?
  bool is_tensor() const { return tensor_.defined(); }
  /// That tensor, of no dimension. @throws Error as value() does
  const torch::Tensor& tensor() const;

 private:
  LogValue() = default;
  bool shares_memory() const;

  double number_ = 0;
  bool single_ = false;
  torch::Tensor tensor_;
  int64_t version_ = 0;  // libtorch counts how often a tensor was written to
};

/// What was logged, by name.
using LoggedMetrics = std::map<std::string, LogValue>;
using Metrics [[deprecated("it is lit::LoggedMetrics")]] = LoggedMetrics;

// For a checkpoint.

course::Dict state_of(const LogValue& value);
/// @param name  for the message
/// @throws Error if it is no such state
LogValue log_value(const course::Value& state, const std::string& name);
course::Dict state_of(const LoggedMetrics& metrics);
LoggedMetrics metrics_of(const course::Dict& state);

}  // namespace lit
