// Prediction: what the module says about every batch, kept.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "lit/run/data.h"
#include "lit/run/hooks.h"
#include "lit/run/modes.h"
#include "lit/run/run_config.h"
#include "lit/strategies/strategy.h"

namespace lit {

class PredictionLoop {
 public:
  struct Parts {
    Hooks& hooks;
    const Data& data;
    Strategy& strategy;
    Modes& modes;
    const RunConfig& config;
    std::vector<int64_t>& batches;  ///< of each loader, after the limit
  };

  explicit PredictionLoop(const Parts& parts) : parts_(parts) {}

  /// @returns for each loader the outputs of its batches, on the CPU; nothing unless `keep`
  std::vector<std::vector<Batch>> run(const Loaders& given, bool keep);
  const Loaders& loaders() const { return loaders_; }

 private:
  std::vector<Batch> run_loader(const std::shared_ptr<Loader>& loader, int64_t batches,
                                int64_t dataloader_idx, bool keep);

  Parts parts_;
  Loaders loaders_;
};

}  // namespace lit
