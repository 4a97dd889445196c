// The optimizers and schedulers of a fit: made, checked, stepped.
#pragma once

#include <cstdint>
#include <optional>

#include "lit/core/optimizers.h"
#include "lit/run/hooks.h"
#include "lit/run/log_session.h"
#include "lit/run/progress.h"
#include "lit/run/run_config.h"
#include "lit/strategies/strategy.h"

namespace lit {

class Optimization : public OptimizerStepper {
 public:
  /// @param list  what they are kept in, which outlives the run
  Optimization(Hooks& hooks, const RunConfig& config, Strategy& strategy, Progress& progress,
               OptimizerList& list)
      : hooks_(hooks), config_(config), strategy_(strategy), progress_(progress), list_(list) {
    for (LightningOptimizer& one : list_.optimizers) one.set_stepper(this);
  }
  ~Optimization() override {
    for (LightningOptimizer& one : list_.optimizers) one.set_stepper(nullptr);
  }
  Optimization(const Optimization&) = delete;
  Optimization& operator=(const Optimization&) = delete;

  /// Asks the module's configure_optimizers(). @throws Error for what cannot be used
  void make();
  OptimizerList& list() { return list_; }
  /// The one of automatic optimization; nullptr: there is none.
  LightningOptimizer* first() {
    return list_.optimizers.empty() ? nullptr : &list_.optimizers.front();
  }

  /// Changes the parameters: around the closure come the hooks before a step, and clipping.
  void step(LightningOptimizer& optimizer, const Closure& closure) override;

  /// Steps the schedulers that are due: by "step" or "epoch", and of the kind that steps by a
  /// metric or not. @param count  batches of the epoch, or epochs, so far
  void step_schedulers(Interval interval, bool plateau, int64_t count, const LogSession& log);

 private:
  void check() const;
  /// None: the metric is not there, and that is no error.
  static std::optional<double> monitored(const LRSchedulerConfig& config, const LogSession& log);

  Hooks& hooks_;
  const RunConfig& config_;
  Strategy& strategy_;
  Progress& progress_;
  OptimizerList& list_;
};

}  // namespace lit
