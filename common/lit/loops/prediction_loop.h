// Prediction: what the module says about every batch, kept.
#pragma once

#include <cstdint>
#include <vector>

#include "lit/loops/hook_calls.h"
#include "lit/trainer/trainer.h"

namespace lit {

class PredictionLoop {
 public:
  PredictionLoop(Trainer& trainer, HookCalls& calls) : trainer_(trainer), calls_(calls) {}

  /// @returns for each loader the outputs of its batches, on the CPU; nothing unless `keep`
  std::vector<std::vector<Batch>> run(const Loaders& given, bool keep);
  const Loaders& loaders() const { return loaders_; }

 private:
  std::vector<Batch> run_loader(const std::shared_ptr<Loader>& loader, int64_t batches,
                                int64_t dataloader_idx, bool keep);

  Trainer& trainer_;
  HookCalls& calls_;
  Loaders loaders_;
};

}  // namespace lit
