// Decides when a fit ends, when an epoch ends, and when validation runs.
#pragma once

#include <cstdint>

#include "lit/run/progress.h"
#include "lit/run/run_config.h"

namespace lit {

class FitRules {
 public:
  FitRules(const RunConfig& config, const Limits& limits, Progress& progress)
      : config_(config), limits_(limits), progress_(progress) {}

  /// Whether there is no further epoch; logs the reason. @param batches  in an epoch
  bool fit_is_over(int64_t batches) const;
  /// Whether the current epoch has no further batch.
  bool epoch_is_over();
  /// Whether should_stop may be followed: min_epochs and min_steps are reached.
  bool may_stop() const;

  /// By check_val_every_n_epoch.
  bool validates_in_this_epoch() const;
  /// Whether a validation follows the current batch.
  /// @param val_check_batches  batches between validations; kUnlimited: at the end of an epoch
  /// @param last_validation    time of the last one, for a val_check_interval in seconds
  bool validation_is_due(int64_t val_check_batches, double last_validation) const;

 private:
  const RunConfig& config_;
  const Limits& limits_;
  Progress& progress_;
};

}  // namespace lit
