// When to stop.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>

enum class Mode { min, max };

/// Ends training when it does not get better any more.
class Patience {
 public:
  /// @param patience  epochs in a row without improvement, after which training ends
  /// @param min_delta a value must be better by more than that to be an improvement
  Patience(int64_t patience, double min_delta, Mode mode)
      : patience_(patience), min_delta_(min_delta), mode_(mode) {}

  /// Takes the value of an epoch. True: training should end.
  bool observe(double value) {
    (void)value, (void)patience_, (void)min_delta_, (void)mode_;
    return false;  // TODO(1), TODO(2), TODO(3), TODO(4)
  }

 private:
  int64_t patience_;
  double min_delta_;
  Mode mode_;
};
