// GradientAccumulationScheduler: another accumulate_grad_batches from some epoch on.
#pragma once

#include <map>

#include "lit/callbacks/callback.h"

namespace lit {

struct GradientAccumulationSchedulerOptions {
  /// From the epoch (counted from 0) on: that many batches for each step. Before the first one: 1.
  std::map<int64_t, int64_t> scheduling;
};

/// `lit::callback<lit::GradientAccumulationScheduler>({.scheduling = {{4, 2}, {8, 4}}})`
class GradientAccumulationScheduler : public Callback {
 public:
  using Options = GradientAccumulationSchedulerOptions;
  /// @throws Error for an empty schedule, an epoch below 0 or a factor below 1
  explicit GradientAccumulationScheduler(Options options);

  /// What holds in that epoch.
  int64_t factor(int64_t epoch) const;

  /// @throws Error if the Trainer has an accumulate_grad_batches too, or the module optimizes by
  /// hand
  void on_train_start(Trainer& trainer, LightningModule& module) override;
  void on_train_epoch_start(Trainer& trainer, LightningModule& module) override;
  void on_train_end(Trainer& trainer, LightningModule& module) override;

 private:
  Options options_;
};

}  // namespace lit
