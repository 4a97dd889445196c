// Another model with other steps: the Trainer, the data and the callbacks are the same.
#include "lit_autoencoder.h"

#include "optimizers.h"

using torch::nn::Linear;
using torch::nn::ReLU;

// region module
// In braces: their order is kept, so the weights are those of the same seed in Python.
LitAutoencoder::LitAutoencoder(const Config& config)
    : config_(config),
      encoder_(register_module("encoder",
                               torch::nn::Sequential{Linear(28 * 28, 64), ReLU(), Linear(64, 3)})),
      decoder_(register_module("decoder",
                               torch::nn::Sequential{Linear(3, 64), ReLU(), Linear(64, 28 * 28)})) {
  save_hyperparameters(to_dict(config));
}

torch::Tensor LitAutoencoder::loss(const lit::Batch& batch) {
  const torch::Tensor& images = batch[0];  // and the labels are left where they are
  return torch::mse_loss(decode(encode(images)), images);
}

lit::StepOutput LitAutoencoder::training_step(const lit::Batch& batch, int64_t) {
  const torch::Tensor train_loss = loss(batch);
  log("train_loss", train_loss, {.prog_bar = true, .on_step = false, .on_epoch = true});
  return train_loss;
}

lit::StepOutput LitAutoencoder::validation_step(const lit::Batch& batch, int64_t, int64_t) {
  log("val_loss", loss(batch), {.prog_bar = true});
  return {};
}

lit::StepOutput LitAutoencoder::test_step(const lit::Batch& batch, int64_t, int64_t) {
  log("test_loss", loss(batch));
  return {};
}

lit::Batch LitAutoencoder::predict_step(const lit::Batch& batch, int64_t, int64_t) {
  const torch::Tensor codes = encode(batch[0]);
  return {{"codes", codes}, {"pictures", decode(codes)}};
}

lit::Optimizers LitAutoencoder::configure_optimizers() {
  return make_optimizer(parameters(), config_.optimizer);
}
// endregion
