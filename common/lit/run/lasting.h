// What outlives a run, and is the Trainer's.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit/core/optimizers.h"
#include "lit/loggers/logger.h"
#include "lit/profilers/profiler.h"
#include "lit/run/moment.h"
#include "lit/run/progress.h"
#include "lit/strategies/strategy.h"

namespace lit {

struct Lasting {
  std::shared_ptr<Strategy> strategy;
  std::shared_ptr<Profiler> profiler;  ///< nullptr: none
  std::vector<std::shared_ptr<Logger>> loggers;
  std::vector<std::shared_ptr<Callback>> callbacks;  ///< in order; without the module's
  std::optional<int64_t> max_epochs;                 ///< as it was asked for
  bool handles_signals = true;

  TrainerState state;
  Limits limits;
  Progress progress;
  BatchCounts batches;
  OptimizerList optimizers;
};

}  // namespace lit
