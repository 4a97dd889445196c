// What configure_optimizers() returns, and what a training_step that optimizes by hand works with.
#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lit/core/choices.h"
#include "lit/optim/lr_scheduler.h"

namespace torch::optim {
class Optimizer;
}

namespace lit {

class LightningOptimizer;

/// A scheduler, and when the Trainer steps it (Lightning's lr_scheduler config).
struct LRSchedulerConfig {
  std::shared_ptr<LRScheduler> scheduler = nullptr;
  Choice<Interval> interval = Interval::epoch;
  int64_t frequency = 1;     ///< every so many of them, counted within the epoch for "step"
  std::string monitor = "";  ///< the logged metric, for a scheduler that steps by one
  bool strict = true;        ///< is it an error when that metric is not there?
  std::string name = "";     ///< for LearningRateMonitor
};

/// One optimizer, and its scheduler if it has one.
struct OptimizerConfig {
  std::shared_ptr<torch::optim::Optimizer> optimizer = nullptr;
  std::optional<LRSchedulerConfig> lr_scheduler = std::nullopt;
};

/// Made from one optimizer by itself, from one with its scheduler, or from a list:
///
///     return std::make_shared<torch::optim::Adam>(parameters(), 1e-3);
///     return OptimizerConfig{.optimizer = adam, .lr_scheduler = {{.scheduler = cosine}}};
///     return {{.optimizer = of_generator}, {.optimizer = of_discriminator}};
class Optimizers {
 public:
  Optimizers() = default;  ///< none: everything runs, and nothing learns
  template <std::derived_from<torch::optim::Optimizer> O>
  Optimizers(std::shared_ptr<O> one) : all_{{.optimizer = std::move(one)}} {}
  template <std::derived_from<torch::optim::Optimizer> O>
  Optimizers(std::unique_ptr<O> one) : all_{{.optimizer = std::move(one)}} {}
  Optimizers(OptimizerConfig one) : all_{std::move(one)} {}
  Optimizers(std::initializer_list<OptimizerConfig> several) : all_(several) {}
  Optimizers(std::vector<OptimizerConfig> several) : all_(std::move(several)) {}

  const std::vector<OptimizerConfig>& all() const { return all_; }

 private:
  std::vector<OptimizerConfig> all_;
};

/// Drops the gradients of all parameters: they become undefined, not zero, which is cheaper.
void drop_gradients(torch::optim::Optimizer& optimizer);

/// Computes the loss and its gradients once more, and returns the loss.
using Closure = std::function<torch::Tensor()>;

/// Who steps an optimizer during a run: with the hooks around it.
class OptimizerStepper {
 public:
  virtual ~OptimizerStepper() = default;
  virtual void step(LightningOptimizer& optimizer, const Closure& closure) = 0;
};

/// An optimizer as the Trainer hands it out: its step() calls the hooks and counts as one
/// global_step. Everything else of the optimizer is behind `->`.
class LightningOptimizer {
 public:
  explicit LightningOptimizer(std::shared_ptr<torch::optim::Optimizer> optimizer,
                              OptimizerStepper* stepper = nullptr)
      : optimizer_(std::move(optimizer)), stepper_(stepper) {}

  /// Changes the parameters. In automatic optimization the Trainer gives the closure, which runs
  /// training_step and backward. Outside of a run it is the optimizer's own step().
  void step(const Closure& closure = nullptr);
  void zero_grad() { drop_gradients(*optimizer_); }

  torch::optim::Optimizer& operator*() const { return *optimizer_; }
  torch::optim::Optimizer* operator->() const { return optimizer_.get(); }
  const std::shared_ptr<torch::optim::Optimizer>& optimizer() const { return optimizer_; }

  void set_stepper(OptimizerStepper* stepper) { stepper_ = stepper; }

 private:
  std::shared_ptr<torch::optim::Optimizer> optimizer_;
  OptimizerStepper* stepper_;
};

/// What configure_optimizers() has returned, as the Trainer keeps it.
struct OptimizerList {
  std::vector<LightningOptimizer> optimizers;
  std::vector<LRSchedulerConfig> schedulers;
};

}  // namespace lit
