// Learning rates over time: the base that the Trainer steps.
#pragma once

#include <torch/optim/optimizer.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "serialize/value.h"

namespace lit {

/// The learning rate of each parameter group.
std::vector<double> learning_rates(const torch::optim::Optimizer& optimizer);
/// Sets them. @throws Error unless there is one for each group
void set_learning_rates(torch::optim::Optimizer& optimizer, const std::vector<double>& rates);

/// Changes the learning rates of one optimizer. As in Python, making one does the first step, so
/// that get_lr() is what holds from the first batch on.
class LRScheduler {
 public:
  explicit LRScheduler(std::shared_ptr<torch::optim::Optimizer> optimizer);
  virtual ~LRScheduler() = default;

  /// Sets the learning rates of the next epoch (or step: what it counts is the Trainer's business).
  virtual void step();
  /// For those that watch a metric (needs_metric()); others pay no attention to it.
  virtual void step(double metric);
  /// Does it step by a metric, as ReduceLROnPlateau does? Then its config needs a monitor.
  virtual bool needs_metric() const { return false; }

  /// The rates that were last set, one for each parameter group.
  const std::vector<double>& get_last_lr() const { return last_lr_; }
  const std::shared_ptr<torch::optim::Optimizer>& optimizer() const { return optimizer_; }
  int64_t last_epoch() const { return last_epoch_; }

  virtual course::Dict state_dict() const;
  virtual void load_state_dict(const course::Dict& state);

 protected:
  /// The rates of step number last_epoch(), from 0 on.
  virtual std::vector<double> get_lr() const = 0;
  /// To be called at the end of a constructor.
  void first_step();
  void apply(std::vector<double> rates);

  std::vector<double> base_lrs_;
  int64_t last_epoch_ = -1;

 private:
  std::shared_ptr<torch::optim::Optimizer> optimizer_;
  std::vector<double> last_lr_;
};

/// Multiplies by `gamma` every `step_size` steps (torch.optim.lr_scheduler.StepLR).
class StepLR : public LRScheduler {
 public:
  StepLR(std::shared_ptr<torch::optim::Optimizer> optimizer, int64_t step_size, double gamma = 0.1);

 protected:
  std::vector<double> get_lr() const override;

 private:
  int64_t step_size_;
  double gamma_;
};

struct ReduceLROnPlateauOptions {
  bool minimize = true;  ///< mode "min"; false: "max"
  double factor = 0.1;
  int64_t patience = 10;
  double threshold = 1e-4;
  bool relative = true;  ///< threshold_mode "rel"; false: "abs"
  int64_t cooldown = 0;
  double min_lr = 0;
  double eps = 1e-8;
};

/// Multiplies by `factor` when a metric has not improved for more than `patience` steps
/// (torch.optim.lr_scheduler.ReduceLROnPlateau).
class ReduceLROnPlateau : public LRScheduler {
 public:
  explicit ReduceLROnPlateau(std::shared_ptr<torch::optim::Optimizer> optimizer,
                             ReduceLROnPlateauOptions options = {});

  bool needs_metric() const override { return true; }
  void step() override;
  void step(double metric) override;

  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;

 protected:
  std::vector<double> get_lr() const override;

 private:
  bool is_better(double metric) const;

  ReduceLROnPlateauOptions options_;
  double best_;
  int64_t bad_epochs_ = 0, cooldown_left_ = 0;
};

}  // namespace lit
