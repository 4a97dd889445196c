// The logic of a classifier: what one step is, and what is measured. Nothing here is a loop.
#include "lit_classifier.h"

#include <limits>
#include <sstream>

#include "config/range.h"
#include "data/permutation.h"
#include "lit/metrics/metric.h"
#include "lit/trainer.h"
#include "optimizers.h"

namespace {

constexpr int64_t kClasses = 10;

std::shared_ptr<lit::Accuracy> accuracy() {
  return lit::metric<lit::Accuracy>({.task = "multiclass", .num_classes = kClasses});
}

// [10] bool, false for the classes of "0,2,6"; undefined for "".
torch::Tensor all_but(const std::string& classes) {
  if (classes.empty()) return {};
  torch::Tensor masked = torch::ones({kClasses}, torch::kBool);
  std::istringstream list(classes);
  for (std::string number; std::getline(list, number, ',');) {
    const auto allowed = course::between(0, static_cast<double>(kClasses - 1));
    masked[course::checked_number<int64_t>("model.classes", number, allowed)] = false;
  }
  return masked;
}

}  // namespace

// region constructor
LitClassifier::LitClassifier(std::shared_ptr<Classifier> net, const Config& config)
    : config_(config),
      dropout_seed_(make_seeds(config.seed).dropout),
      net_(register_module("net", std::move(net))),
      masked_(all_but(config.model.classes)),
      train_acc_(register_module("train_acc", accuracy())),
      val_acc_(register_module("val_acc", accuracy())),
      test_acc_(register_module("test_acc", accuracy())),
      val_acc_best_(register_module("val_acc_best", lit::metric<lit::MaxMetric>())),
      test_confusion_(register_module(
          "test_confusion",
          lit::metric<lit::ConfusionMatrix>({.task = "multiclass", .num_classes = kClasses}))) {
  save_hyperparameters(to_dict(config));
}
// endregion

// region steps
LitClassifier::Shared LitClassifier::step(const lit::Batch& batch) {
  const auto [images, labels] = batch.unpack<2>();
  const torch::Tensor scores = forward(images);
  return {criterion_(scores, labels), mask_outputs(scores.detach()), labels};
}

lit::StepOutput LitClassifier::training_step(const lit::Batch& batch, int64_t) {
  const auto [loss, scores, labels] = step(batch);
  train_acc_->update(scores, labels);
  log("train_loss", loss, {.prog_bar = true, .on_step = false, .on_epoch = true});
  log("train_acc", train_acc_, {.on_step = false, .on_epoch = true});
  return loss;
}

lit::StepOutput LitClassifier::validation_step(const lit::Batch& batch, int64_t, int64_t) {
  const auto [loss, scores, labels] = step(batch);
  val_acc_->update(scores, labels);
  log("val_loss", loss, {.prog_bar = true});
  log("val_acc", val_acc_, {.prog_bar = true});
  return {loss, {{"preds", scores}}};
}

lit::StepOutput LitClassifier::test_step(const lit::Batch& batch, int64_t, int64_t) {
  const auto [loss, scores, labels] = step(batch);
  test_acc_->update(scores, labels);
  test_confusion_->update(scores, labels);
  log("test_loss", loss);
  log("test_acc", test_acc_);
  return {loss, {{"preds", scores}}};
}

lit::Batch LitClassifier::predict_step(const lit::Batch& batch, int64_t, int64_t) {
  return mask_outputs(forward(batch[0])).softmax(1);
}
// endregion

// region mask
torch::Tensor LitClassifier::mask_outputs(const torch::Tensor& scores) {
  if (!masked_.defined()) return scores;
  masked_ = masked_.to(scores.device());  // copied once, if it is elsewhere
  return scores.masked_fill(masked_, -std::numeric_limits<double>::infinity());
}
// endregion

// region hooks
// The validation before training, a check that the code runs, must not count as the best.
void LitClassifier::on_train_start() {
  val_acc_->reset();
  val_acc_best_->reset();
}

// Dropout draws from the global generator; it begins every epoch at a place of its own.
void LitClassifier::on_train_epoch_start() {
  torch::manual_seed(course::mix_seed(dropout_seed_, current_epoch() + 1));
}

void LitClassifier::on_validation_epoch_end() {
  val_acc_best_->update(val_acc_->compute());
  log("val_acc_best", val_acc_best_->compute(), {.prog_bar = true});
}
// endregion

// region configure_optimizers
lit::Optimizers LitClassifier::configure_optimizers() {
  const auto optimizer = make_optimizer(parameters(), config_.optimizer);
  return lit::OptimizerConfig{
      .optimizer = optimizer,
      .lr_scheduler = make_scheduler(optimizer, config_.scheduler, config_.trainer.max_epochs)};
}
// endregion
