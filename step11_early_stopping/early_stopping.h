// When to stop: watches a loss, and loses its patience.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

// region early_stopping
class EarlyStopping {
 public:
  /// @param patience  epochs without improvement that are borne
  /// @param min_delta what a loss must be lower by to count as an improvement
  EarlyStopping(int64_t patience, double min_delta) : patience_(patience), min_delta_(min_delta) {}

  /// Takes the loss of an epoch. True if it is the best so far.
  bool observe(int64_t epoch, double loss) {
    epoch_ = epoch;
    loss_ = loss;
    if (!(loss < best_loss_ - min_delta_)) return false;  // false for NaN, too
    best_loss_ = loss;
    best_epoch_ = epoch;
    return true;
  }

  bool should_stop() const { return !std::isfinite(loss_) || epoch_ - best_epoch_ >= patience_; }

  /// Why training ended, as a sentence for the log.
  std::string reason() const {
    const std::string best =
        best_epoch_ == 0 ? "no epoch was of any use, the weights are as they were"
                         : fmt::format("the best was {:.4f} in epoch {}", best_loss_, best_epoch_);
    if (!std::isfinite(loss_)) return "stopped: the loss is not finite; " + best;
    if (!should_stop()) return "all epochs done; " + best;
    return fmt::format("stopped: no improvement in {} epochs; {}", patience_, best);
  }

  int64_t best_epoch() const { return best_epoch_; }

 private:
  int64_t patience_;
  double min_delta_;
  int64_t epoch_ = 0, best_epoch_ = 0;
  double loss_ = 0, best_loss_ = std::numeric_limits<double>::infinity();
};
// endregion
