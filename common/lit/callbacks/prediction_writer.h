// BasePredictionWriter, PredictionWriter: predictions to where you want them.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit/core/choice.h"

namespace lit {

/// When predictions are written.
enum class WriteInterval { batch, epoch, batch_and_epoch };
inline std::array<const char*, 3> words(WriteInterval) {
  return {"batch", "epoch", "batch_and_epoch"};
}

/// Derive from it, and write. Each function gets the predictions, and which samples of the loader
/// they are of: [N] int64, counted from 0; undefined for a loader that shuffles, where they are
/// unknown. With `predict(…, {.return_predictions = false})` nothing else keeps them.
class BasePredictionWriter : public Callback {
 public:
  /// @throws Error for a write_interval that is not one
  explicit BasePredictionWriter(Choice<WriteInterval> write_interval = WriteInterval::batch);

  /// @param prediction  on the CPU
  virtual void write_on_batch_end(Trainer& trainer, LightningModule& module,
                                  const Batch& prediction, const torch::Tensor& batch_indices,
                                  const Batch& batch, int64_t batch_idx, int64_t dataloader_idx);
  /// For each loader the predictions of its batches, on the CPU, and their samples.
  virtual void write_on_epoch_end(Trainer& trainer, LightningModule& module,
                                  const std::vector<std::vector<Batch>>& predictions,
                                  const std::vector<std::vector<torch::Tensor>>& batch_indices);

  void on_predict_epoch_start(Trainer& trainer, LightningModule& module) override;
  void on_predict_batch_end(Trainer& trainer, LightningModule& module, const Batch& outputs,
                            const Batch& batch, int64_t batch_idx, int64_t dataloader_idx) override;
  void on_predict_epoch_end(Trainer& trainer, LightningModule& module) override;

 private:
  bool on_batch_, on_epoch_;
  std::vector<std::vector<Batch>> predictions_;
  std::vector<std::vector<torch::Tensor>> indices_;
  std::vector<int64_t> samples_;  // of each loader so far
};

struct PredictionWriterOptions {
  std::filesystem::path output_dir = {};  ///< made if it is not there; must be given
  Choice<WriteInterval> write_interval = WriteInterval::batch;
};

/// Writes files that Python's torch.load reads: with "batch" `predictions_LOADER_BATCH.pt`, each
/// {"predictions": …, "indices": …}; with "epoch" `predictions.pt`, a list for each loader of a
/// list of these. Predictions are one tensor, or a dict (a list, without names) of several.
class PredictionWriter : public BasePredictionWriter {
 public:
  using Options = PredictionWriterOptions;
  /// @throws Error without output_dir, or for a write_interval that is not one
  explicit PredictionWriter(Options options);

  void write_on_batch_end(Trainer& trainer, LightningModule& module, const Batch& prediction,
                          const torch::Tensor& batch_indices, const Batch& batch, int64_t batch_idx,
                          int64_t dataloader_idx) override;
  void write_on_epoch_end(Trainer& trainer, LightningModule& module,
                          const std::vector<std::vector<Batch>>& predictions,
                          const std::vector<std::vector<torch::Tensor>>& batch_indices) override;

 private:
  Options options_;
};

}  // namespace lit
