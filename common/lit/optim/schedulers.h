// The schedulers of torch.optim.lr_scheduler, with Python's arguments and Python's values.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lit/core/choices.h"
#include "lit/optim/lr_scheduler.h"

namespace lit {

/// Multiplies by `gamma` every `step_size` steps.
class StepLR : public LRScheduler {
 public:
  /// @throws Error unless step_size is at least 1
  StepLR(std::shared_ptr<torch::optim::Optimizer> optimizer, int64_t step_size, double gamma = 0.1);

 protected:
  std::vector<double> get_lr() const override;

 private:
  int64_t step_size_;
  double gamma_;
};

/// Multiplies by `gamma` at each of the milestones; one that is named twice counts twice.
class MultiStepLR : public LRScheduler {
 public:
  MultiStepLR(std::shared_ptr<torch::optim::Optimizer> optimizer, std::vector<int64_t> milestones,
              double gamma = 0.1);

 protected:
  std::vector<double> get_lr() const override;

 private:
  std::vector<int64_t> milestones_;
  double gamma_;
};

/// Multiplies by `gamma` at every step.
class ExponentialLR : public LRScheduler {
 public:
  ExponentialLR(std::shared_ptr<torch::optim::Optimizer> optimizer, double gamma);

 protected:
  std::vector<double> get_lr() const override;

 private:
  double gamma_;
};

struct LinearLROptions {
  double start_factor = 1.0 / 3;  ///< of the initial rate, in step 0; above 0, at most 1
  double end_factor = 1;          ///< of it, from step total_iters on; 0 to 1
  int64_t total_iters = 5;        ///< at least 1
};

/// Goes from one factor of the initial rate to another in equal steps: a warm-up.
class LinearLR : public LRScheduler {
 public:
  /// @throws Error for an option out of range
  explicit LinearLR(std::shared_ptr<torch::optim::Optimizer> optimizer,
                    LinearLROptions options = {});

 protected:
  std::vector<double> get_lr() const override;

 private:
  LinearLROptions options_;
};

/// Half a cosine from the initial rate down to `eta_min` in `T_max` steps, then up again: SGDR
/// without restarts (Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983).
class CosineAnnealingLR : public LRScheduler {
 public:
  /// @throws Error unless T_max is at least 1
  CosineAnnealingLR(std::shared_ptr<torch::optim::Optimizer> optimizer, int64_t T_max,
                    double eta_min = 0);

 protected:
  std::vector<double> get_lr() const override;

 private:
  int64_t T_max_;
  double eta_min_;
};

/// A cosine that starts again after T_0 steps, and then after T_mult times as many: SGDR
/// (Loshchilov and Hutter, 2017, https://arxiv.org/abs/1608.03983).
class CosineAnnealingWarmRestarts : public LRScheduler {
 public:
  /// @param T_0     steps until the first restart, at least 1
  /// @param T_mult  by which each period is longer than the one before, at least 1
  /// @throws Error for one that is less
  CosineAnnealingWarmRestarts(std::shared_ptr<torch::optim::Optimizer> optimizer, int64_t T_0,
                              int64_t T_mult = 1, double eta_min = 0);

  using LRScheduler::step;
  void step() override;
  void restart() override;
  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;

 protected:
  std::vector<double> get_lr() const override;

 private:
  int64_t T_0_, T_mult_;
  double eta_min_;
  int64_t T_cur_ = 0, T_i_;
};

/// The form of a half of the cycle.
enum class AnnealStrategy { cos, linear };
inline std::array<const char*, 2> words(AnnealStrategy) {
  return {"cos", "linear"};
}

struct OneCycleLROptions {
  PerGroup max_lr;  ///< the highest rate
  /// Steps in all. Else `epochs` times `steps_per_epoch`.
  std::optional<int64_t> total_steps = std::nullopt;
  std::optional<int64_t> epochs = std::nullopt, steps_per_epoch = std::nullopt;
  double pct_start = 0.3;  ///< share of the steps on the way up; 0 to 1
  Choice<AnnealStrategy> anneal_strategy = AnnealStrategy::cos;
  bool cycle_momentum = true;     ///< momentum goes down while the rate goes up
  PerGroup base_momentum = 0.85;  ///< the lowest momentum
  PerGroup max_momentum = 0.95;
  double div_factor = 25;         ///< the rate begins at max_lr / div_factor
  double final_div_factor = 1e4;  ///< and ends at that / final_div_factor
  bool three_phase = false;       ///< up, down as fast, and then to the end
};

/// One rise and one fall of the rate, stepped after every batch: super-convergence (Smith and
/// Topin, 2018, https://arxiv.org/abs/1708.07120).
class OneCycleLR : public LRScheduler {
 public:
  /// @throws Error for an option out of range, without a number of steps, or with cycle_momentum
  /// for an optimizer that has no momentum
  OneCycleLR(std::shared_ptr<torch::optim::Optimizer> optimizer, OneCycleLROptions options);

  using LRScheduler::step;
  /// @throws Error when it has been stepped more than total_steps times
  void step() override;
  void restart() override;
  std::optional<int64_t> total_steps() const override { return total_steps_; }
  std::vector<course::Dict> in_param_groups() const override;

 protected:
  std::vector<double> get_lr() const override;

 private:
  // A piece of the way, until `end_step`; a rate and a momentum for each group.
  struct Phase {
    double end_step;
    std::vector<double> start_lr, end_lr, start_momentum, end_momentum;
  };
  std::vector<double> now(std::vector<double> Phase::*start, std::vector<double> Phase::*end) const;
  void set_momentums() const;

  bool linear_, cycle_momentum_;
  int64_t total_steps_ = 0;
  std::vector<Phase> phases_;
};

/// The initial rate times what a function says of the step's number.
class LambdaLR : public LRScheduler {
 public:
  using Lambda = std::function<double(int64_t step)>;

  LambdaLR(std::shared_ptr<torch::optim::Optimizer> optimizer, Lambda lr_lambda);
  /// A function for each parameter group. @throws Error unless there are as many
  LambdaLR(std::shared_ptr<torch::optim::Optimizer> optimizer, std::vector<Lambda> lr_lambdas);

  course::Dict state_dict() const override;

 protected:
  std::vector<double> get_lr() const override;

 private:
  std::vector<Lambda> lambdas_;
};

/// One scheduler after another: the next one begins at each milestone, from the initial rates.
///
///     auto warmup = std::make_shared<lit::LinearLR>(adam, {.total_iters = 5});
///     auto cosine = std::make_shared<lit::CosineAnnealingLR>(adam, 45);
///     auto both = std::make_shared<lit::SequentialLR>(adam, {warmup, cosine}, {5});
class SequentialLR : public LRScheduler {
 public:
  using Schedulers = std::vector<std::shared_ptr<LRScheduler>>;

  /// @throws Error unless there is one milestone less than schedulers, in rising order, and all
  /// schedulers are of this optimizer and need no metric
  SequentialLR(std::shared_ptr<torch::optim::Optimizer> optimizer, Schedulers schedulers,
               std::vector<int64_t> milestones);

  using LRScheduler::step;
  void step() override;
  void restart() override;
  course::Dict state_dict() const override;
  std::vector<course::Dict> in_param_groups() const override;
  void load_state_dict(const course::Dict& state) override;

 protected:
  std::vector<double> get_lr() const override;

 private:
  Schedulers schedulers_;
  std::vector<int64_t> milestones_;
};

/// Whether a threshold is a share of the best value, or a difference to it.
enum class ThresholdMode { rel, abs };
inline std::array<const char*, 2> words(ThresholdMode) {
  return {"rel", "abs"};
}

struct ReduceLROnPlateauOptions {
  Choice<MonitorMode> mode = MonitorMode::min;
  double factor = 0.1;  ///< below 1
  int64_t patience = 10;
  double threshold = 1e-4;
  Choice<ThresholdMode> threshold_mode = ThresholdMode::rel;
  int64_t cooldown = 0;  ///< steps after a reduction that do not count
  PerGroup min_lr = 0.0;
  double eps = 1e-8;  ///< a change of less than this is none
};

/// Multiplies by `factor` when a metric has not improved for more than `patience` steps.
class ReduceLROnPlateau : public LRScheduler {
 public:
  /// @throws Error for an option out of range
  explicit ReduceLROnPlateau(std::shared_ptr<torch::optim::Optimizer> optimizer,
                             ReduceLROnPlateauOptions options = {});

  bool needs_metric() const override { return true; }
  void step() override;
  void step(double metric) override;
  void restart() override;

  course::Dict state_dict() const override;
  std::vector<course::Dict> in_param_groups() const override { return {}; }
  void load_state_dict(const course::Dict& state) override;

 protected:
  std::vector<double> get_lr() const override;

 private:
  bool is_better(double metric) const;
  double worst() const;

  ReduceLROnPlateauOptions options_;
  bool minimize_;
  double best_;
  int64_t bad_epochs_ = 0, cooldown_left_ = 0;
};

}  // namespace lit
