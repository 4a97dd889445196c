// What happens to one batch of training between its two hooks.
#pragma once

#include <cstdint>
#include <memory>

#include "lit/core/step_output.h"
#include "lit/run/hooks.h"
#include "lit/run/optimization.h"

namespace lit {

/// A forward pass, and what is learned from it. Chosen for each batch: a module may change its mind
/// about who optimizes.
class Step {
 public:
  virtual ~Step() = default;
  /// @returns what training_step() returned, with the loss detached
  virtual StepOutput run(const Batch& batch) = 0;
};

/// The Trainer optimizes: the optimizer's step is the outer call, and runs a closure, which is
/// step11's five lines.
class AutomaticStep : public Step {
 public:
  AutomaticStep(Hooks& hooks, Strategy& strategy, Optimization& optimization, Progress& progress,
                const Limits& limits, bool detect_anomaly)
      : hooks_(hooks),
        strategy_(strategy),
        optimization_(optimization),
        progress_(progress),
        limits_(limits),
        detect_anomaly_(detect_anomaly) {}
  StepOutput run(const Batch& batch) override;

 private:
  StepOutput forward_and_backward(const Batch& batch);
  void zero_grad();
  void backward(const torch::Tensor& loss);
  void check(const torch::Tensor& loss) const;

  Hooks& hooks_;
  Strategy& strategy_;
  Optimization& optimization_;
  Progress& progress_;
  const Limits& limits_;
  bool detect_anomaly_;
};

/// The module optimizes by hand, in its training_step().
class ManualStep : public Step {
 public:
  ManualStep(Hooks& hooks, Strategy& strategy, const Progress& progress)
      : hooks_(hooks), strategy_(strategy), progress_(progress) {}
  StepOutput run(const Batch& batch) override;

 private:
  Hooks& hooks_;
  Strategy& strategy_;
  const Progress& progress_;
};

}  // namespace lit
