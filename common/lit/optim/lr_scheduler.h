// Learning rates over time: the base of all schedulers, which the Trainer steps.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "lit/optim/param_groups.h"
#include "serialize/value.h"

namespace torch::optim {
class Optimizer;
}

namespace lit {

/// Changes the learning rates of one optimizer. As in Python, making one does the first step, so
/// that get_lr() is what holds from the first batch on; and the rates it starts from are those that
/// the optimizer had before its first scheduler was made (Python's initial_lr).
///
/// Derive from it: override get_lr(), and call first_step() at the end of the constructor.
class LRScheduler {
 public:
  /// @throws Error if the optimizer is null
  explicit LRScheduler(std::shared_ptr<torch::optim::Optimizer> optimizer);
  virtual ~LRScheduler() = default;

  /// Sets the learning rates of the next epoch (or step: what it counts is the Trainer's business).
  virtual void step();
  /// For those that watch a metric (needs_metric()); others pay no attention to it.
  virtual void step(double metric);
  /// Does it step by a metric, as ReduceLROnPlateau does? Then its config needs a monitor.
  virtual bool needs_metric() const { return false; }
  /// Starts fresh from the initial rates, as when it was made (Python's step(0)).
  virtual void restart();
  /// Steps after which it is used up; none: it never is. The Trainer warns of one that counts
  /// batches and is stepped once an epoch.
  virtual std::optional<int64_t> total_steps() const { return std::nullopt; }

  /// The rates that were last set, one for each parameter group.
  const std::vector<double>& get_last_lr() const { return last_lr_; }
  const std::shared_ptr<torch::optim::Optimizer>& optimizer() const { return optimizer_; }
  int64_t last_epoch() const { return last_epoch_; }

  /// What changes while it runs, under Python's names. What it was made with is not in it: a run
  /// that goes on with another gamma goes on with that one.
  virtual course::Dict state_dict() const;
  virtual void load_state_dict(const course::Dict& state);
  /// What Python's scheduler keeps in the optimizer's parameter groups, for each group that was
  /// there when it was made: its initial_lr.
  virtual std::vector<course::Dict> in_param_groups() const;

 protected:
  /// The rates of step number last_epoch_, from 0 on; the optimizer still has those before.
  virtual std::vector<double> get_lr() const = 0;
  /// To be called at the end of a constructor.
  void first_step();
  /// Sets the optimizer's rates. Groups that were added after this scheduler was made keep theirs
  /// if there are no rates for them.
  void apply(std::vector<double> rates);
  /// Other initial rates than the optimizer's.
  void start_from(const std::vector<double>& rates);

  std::vector<double> base_lrs_;
  int64_t last_epoch_ = -1;

 private:
  std::shared_ptr<torch::optim::Optimizer> optimizer_;
  std::vector<double> last_lr_;
};

}  // namespace lit
