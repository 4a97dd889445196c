// How the values of an epoch become one.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "lit/core/log_value.h"
#include "serialize/value.h"

namespace lit {

/// How the values of an epoch become one.
enum class Reduce { mean, sum, min, max };

/// What one name was given so far, reduced in the order in which it came: values of float32 with
/// the roundings that tensors of that type make.
///
/// Values that are on a device are kept, and cost no kernel each: 256 become one tensor, and the
/// numbers come to the CPU when the result is asked for. So they make the same sum, to the bit, as
/// values of the CPU.
class EpochValue {
 public:
  explicit EpochValue(Reduce how) : how_(how) {}

  /// @param weight  of the value in a mean
  void add(const LogValue& value, int64_t weight);
  bool empty() const { return weight_ < 0; }
  /// Waits for the device if values are there. Of nothing: 0.
  LogValue result() const;

  // For a checkpoint.

  /// The sum, not divided by the weights.
  LogValue sum() const;
  int64_t weight() const { return weight_; }
  void restore(LogValue sum, int64_t weight);

 private:
  struct Packed {
    torch::Tensor values;  // of one type and device
    bool single;
    std::vector<int64_t> weights;
  };

  void take(double value, bool single, int64_t weight) const;
  void pack() const;
  void fold() const;

  Reduce how_;
  int64_t weight_ = -1;  // of all; -1: there is none
  // What is kept is in the sum as soon as somebody looks.
  mutable LogValue sum_ = 0.0;
  mutable bool has_sum_ = false;
  mutable std::vector<LogValue> kept_;
  mutable std::vector<int64_t> kept_weights_;
  mutable std::vector<Packed> packed_;
};

}  // namespace lit
