// The logic of a classifier: what one step is, and what is measured. Nothing here is a loop.
#pragma once

#include <memory>
#include <string>

#include "config.h"
#include "lit/core/module.h"
#include "lit/metrics/aggregation.h"
#include "lit/metrics/classification.h"
#include "models/classifier.h"
#include "seed.h"

// region module
class LitClassifier : public lit::LightningModule {
 public:
  /// @param net  what is trained: it comes from outside, so that any network can be trained like
  ///             this
  LitClassifier(std::shared_ptr<Classifier> net, const Config& config);

  torch::Tensor forward(const torch::Tensor& images) { return net_->forward(images); }

  lit::StepOutput training_step(const lit::Batch& batch, int64_t batch_idx) override;
  lit::StepOutput validation_step(const lit::Batch& batch, int64_t batch_idx,
                                  int64_t dataloader_idx) override;
  lit::StepOutput test_step(const lit::Batch& batch, int64_t batch_idx,
                            int64_t dataloader_idx) override;
  lit::Batch predict_step(const lit::Batch& batch, int64_t batch_idx,
                          int64_t dataloader_idx) override;
  lit::Optimizers configure_optimizers() override;

  void on_train_start() override;
  void on_train_epoch_start() override;
  void on_validation_epoch_end() override;
  void on_test_start() override { test_confusion_->reset(); }  // what is not logged is not reset

  /// Scores of classes that may not be predicted become -infinity.
  torch::Tensor mask_outputs(const torch::Tensor& scores);

  const std::shared_ptr<Classifier>& net() const { return net_; }
  /// How often each class was taken for each, in the last test: [10, 10] int64.
  torch::Tensor confusion() { return test_confusion_->compute(); }

 private:
  // What a batch comes to, in whichever stage.
  struct Shared {
    torch::Tensor loss, scores, labels;
  };
  Shared step(const lit::Batch& batch);

  Config config_;
  uint64_t dropout_seed_;
  std::shared_ptr<Classifier> net_;
  torch::nn::CrossEntropyLoss criterion_;
  torch::Tensor masked_;  // [10] bool: classes that may not be predicted; undefined: none
  std::shared_ptr<lit::Accuracy> train_acc_, val_acc_, test_acc_;
  std::shared_ptr<lit::MaxMetric> val_acc_best_;
  std::shared_ptr<lit::ConfusionMatrix> test_confusion_;
};
// endregion
