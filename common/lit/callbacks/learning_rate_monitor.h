// LearningRateMonitor: the learning rates, to the loggers.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit/core/choices.h"
#include "lit/core/logging.h"

namespace lit {

/// Lightning's arguments.
struct LearningRateMonitorOptions {
  /// All of them at each step that is logged, or at each epoch's start; without one, each as its
  /// scheduler is stepped, and those without a scheduler at both.
  Choice<Interval> logging_interval = {};
  bool log_momentum = false;      ///< also NAME-momentum; Adam's is its first beta
  bool log_weight_decay = false;  ///< also NAME-weight_decay
  std::string log_key_prefix = "";
};

/// Names them after the optimizer's class, `lr-Adam` (a second one `lr-Adam-1`), or by the name of
/// the scheduler's config; of several parameter groups `lr-Adam/pg1`, `lr-Adam/pg2`. They are in
/// callback_metrics() too.
class LearningRateMonitor : public Callback {
 public:
  using Options = LearningRateMonitorOptions;
  /// @throws Error for an interval that is not one
  explicit LearningRateMonitor(Options options = {});

  /// Every learning rate that was logged, by name. A group's values move along when its optimizer
  /// gets a second group, and with that its name changes.
  const std::map<std::string, std::vector<double>>& lrs() const { return lrs_; }

  /// @throws Error if the Trainer has no logger
  void on_train_start(Trainer& trainer, LightningModule& module) override;
  void on_train_epoch_start(Trainer& trainer, LightningModule& module) override;
  void on_train_batch_start(Trainer& trainer, LightningModule& module, const Batch& batch,
                            int64_t batch_idx) override;

 private:
  bool logs_at(Interval interval) const;
  void log(Trainer& trainer, Interval interval);
  void add(LoggedMetrics& values, const torch::optim::Optimizer& optimizer,
           const std::string& name);

  Options options_;
  std::map<std::string, std::vector<double>> lrs_;
};

}  // namespace lit
