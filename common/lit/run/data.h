// Where the batches of a run come from, how many there are, and their way to the device.
#pragma once

#include <cstdint>
#include <string>

#include "lit/core/loader.h"
#include "lit/run/hooks.h"
#include "lit/run/run_config.h"
#include "lit/strategies/strategy.h"

namespace lit {

class Data {
 public:
  Data(Hooks& hooks, const RunConfig& config, Strategy& strategy)
      : hooks_(hooks), config_(config), strategy_(strategy) {}

  /// Those that were given, else the data module's, else the module's.
  /// @throws Error for one that is null, or shuffles where overfit_batches forbids it
  Loaders request(Hook hook, const Loaders& given) const;
  /// Is there anybody to ask?
  bool has_source(Hook hook, const Loaders& given) const;
  /// Batches of a loader, after the limit on its kind: train, val, test or predict.
  int64_t limited(const std::string& kind, const Loader& loader) const;
  /// Does fit validate at all?
  bool validates() const { return config_.validates(hooks_.of_module()); }

  /// Brings a batch to the device, with the hooks before and behind.
  Batch transfer(Batch batch, int64_t dataloader_idx) const;

 private:
  Hooks& hooks_;
  const RunConfig& config_;
  Strategy& strategy_;
};

}  // namespace lit
