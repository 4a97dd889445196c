// A module with three mistakes.
#pragma once

#include <torch/torch.h>

#include <memory>

#include "lit/metrics/aggregation.h"
#include "lit/trainer.h"

/// The loss of a batch is w * mean(batch). Logs train_loss, the mean over the epoch, val_loss, and
/// val_loss_best, the lowest val_loss of all epochs of the training. The learning rate, 1 at first,
/// is halved after each epoch.
class LitLine : public lit::LightningModule {
 public:
  LitLine() : best_(register_module("best", lit::metric<lit::MinMetric>())) {}

  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    const torch::Tensor loss = (w_ * batch[0]).mean();
    log("train_loss", loss);
    return loss;
  }

  lit::StepOutput validation_step(const lit::Batch& batch, int64_t, int64_t) override {
    const torch::Tensor loss = (w_ * batch[0]).mean();
    sum_ += loss.item<double>() * static_cast<double>(batch[0].size(0));
    samples_ += static_cast<double>(batch[0].size(0));
    log("val_loss", loss);
    return loss;
  }

  void on_validation_epoch_end() override {
    best_->update(sum_ / samples_);
    sum_ = samples_ = 0;
    log("val_loss_best", best_->compute());
  }

  lit::Optimizers configure_optimizers() override {
    const auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 1.0);
    return lit::OptimizerConfig{
        .optimizer = sgd,
        .lr_scheduler = lit::LRSchedulerConfig{
            .scheduler = std::make_shared<lit::StepLR>(sgd, 1, 0.5), .interval = "step"}};
  }

  double weight() const { return w_.item<double>(); }

 private:
  torch::Tensor w_ = register_parameter("w", torch::full({}, 10.0));
  std::shared_ptr<lit::MinMetric> best_;
  double sum_ = 0, samples_ = 0;
};
