// Another model with other steps: the Trainer, the data and the callbacks are the same.
#pragma once

#include "config.h"
#include "lit/core/module.h"

// region module
/// Pictures through a bottleneck of three numbers, and back. What it learns from is the picture
/// itself; nobody asks for labels.
class LitAutoencoder : public lit::LightningModule {
 public:
  explicit LitAutoencoder(const Config& config);

  /// images [N, 1, 28, 28] -> codes [N, 3], and back
  torch::Tensor encode(const torch::Tensor& images) { return encoder_->forward(images.flatten(1)); }
  torch::Tensor decode(const torch::Tensor& codes) {
    return decoder_->forward(codes).view({-1, 1, 28, 28});
  }

  lit::StepOutput training_step(const lit::Batch& batch, int64_t batch_idx) override;
  lit::StepOutput validation_step(const lit::Batch& batch, int64_t batch_idx,
                                  int64_t dataloader_idx) override;
  lit::StepOutput test_step(const lit::Batch& batch, int64_t batch_idx,
                            int64_t dataloader_idx) override;
  /// "codes" and "pictures" made of them.
  lit::Batch predict_step(const lit::Batch& batch, int64_t batch_idx,
                          int64_t dataloader_idx) override;
  lit::Optimizers configure_optimizers() override;

 private:
  torch::Tensor loss(const lit::Batch& batch);

  Config config_;
  torch::nn::Sequential encoder_, decoder_;
};
// endregion
