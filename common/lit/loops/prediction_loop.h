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

  /// @returns for each loader the outputs of its batches, on the CPU
  std::vector<std::vector<Batch>> run(const Loaders& given);

 private:
  std::vector<Batch> run_loader(const std::shared_ptr<Loader>& loader, int64_t batches,
                                int64_t dataloader_idx);

  Trainer& trainer_;
  HookCalls& calls_;
};

}  // namespace lit
