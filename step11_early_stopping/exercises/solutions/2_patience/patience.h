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
    if (!std::isfinite(value)) return true;
    const double score = mode_ == Mode::min ? value : -value;
    if (score < best_ - min_delta_) {
      best_ = score;
      waited_ = 0;
    } else {
      ++waited_;
    }
    return waited_ >= patience_;
  }

 private:
  int64_t patience_;
  double min_delta_;
  Mode mode_;
  double best_ = std::numeric_limits<double>::infinity();  // of the score, which should fall
  int64_t waited_ = 0;
};
