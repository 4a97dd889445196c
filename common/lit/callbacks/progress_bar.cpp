// ProgressBar: how far a run is, on a terminal or in a pipe.
#include "lit/callbacks/progress_bar.h"

#include <spdlog/fmt/fmt.h>

#include "lit/trainer/trainer.h"

namespace lit {
namespace {

int64_t total(int64_t batches) {
  return batches == Trainer::unlimited() ? 0 : batches;  // 0: unknown
}

// "12/938", or "12" where their number is unknown.
std::string progress_of(int64_t done, int64_t batches) {
  return std::to_string(done) +
         (batches == Trainer::unlimited() ? "" : fmt::format("/{}", batches));
}

}  // namespace

std::string ProgressBar::get_metrics(Trainer& trainer) const {
  std::string text;
  for (const auto& [name, value] : trainer.progress_bar_metrics()) {
    text += fmt::format("{}{}={:.4f}", text.empty() ? "" : ", ", name, value.value());
  }
  return text;
}

void ProgressBar::start_epoch(const Trainer& trainer, int64_t done) {
  const std::string of =
      trainer.max_epochs() > 0 ? fmt::format("/{}", trainer.max_epochs() - 1) : "";
  train_ = std::make_unique<course::ProgressBar>(
      fmt::format("Epoch {}{}", trainer.current_epoch(), of), total(trainer.num_training_batches()),
      "batches", output_);
  train_->begin_at(done);
}

void ProgressBar::on_train_epoch_start(Trainer& trainer, LightningModule&) {
  start_epoch(trainer, 0);
}

// A run that resumes in the middle of an epoch has no start of it.
void ProgressBar::on_train_batch_start(Trainer& trainer, LightningModule&, const Batch&,
                                       int64_t batch_idx) {
  if (train_ == nullptr) start_epoch(trainer, batch_idx);
}

void ProgressBar::on_train_batch_end(Trainer& trainer, LightningModule&, const StepOutput&,
                                     const Batch&, int64_t batch_idx) {
  if (train_ == nullptr) return;
  if (train_->is_due()) {
    const std::string metrics = get_metrics(trainer);
    train_->note(progress_of(batch_idx + 1, trainer.num_training_batches()) +
                 (metrics.empty() ? "" : "  " + metrics));
  }
  train_->advance();
}

void ProgressBar::on_train_epoch_end(Trainer& trainer, LightningModule&) {
  if (train_ == nullptr) start_epoch(trainer, 0);  // it has resumed after the last batch
  train_->finish(get_metrics(trainer));
  train_.reset();
}

void ProgressBar::start_loader(const char* what, int64_t batch_idx, int64_t dataloader_idx,
                               int64_t batches) {
  if (batch_idx > 0) return;
  evaluation_ = std::make_unique<course::ProgressBar>(
      fmt::format("{} DataLoader {}", what, dataloader_idx), total(batches), "batches", output_);
}

void ProgressBar::advance_loader() {
  if (evaluation_ != nullptr) evaluation_->advance();
}

// Inside of fit the line goes away: the epoch's own tells what came of it.
void ProgressBar::finish_loader(const Trainer& trainer) {
  if (evaluation_ == nullptr) return;
  if (trainer.state().fn != TrainerState::Fn::fit) evaluation_->finish();
  evaluation_.reset();
}

void ProgressBar::on_sanity_check_end(Trainer&, LightningModule&) {
  evaluation_.reset();
}

void ProgressBar::on_validation_batch_start(Trainer& trainer, LightningModule&, const Batch&,
                                            int64_t batch_idx, int64_t dataloader_idx) {
  if (batch_idx == 0) finish_loader(trainer);
  start_loader(trainer.sanity_checking() ? "Sanity Checking" : "Validation", batch_idx,
               dataloader_idx, trainer.num_val_batches()[static_cast<size_t>(dataloader_idx)]);
}
void ProgressBar::on_validation_batch_end(Trainer&, LightningModule&, const StepOutput&,
                                          const Batch&, int64_t, int64_t) {
  advance_loader();
}
void ProgressBar::on_validation_end(Trainer& trainer, LightningModule&) {
  finish_loader(trainer);
}

void ProgressBar::on_test_batch_start(Trainer& trainer, LightningModule&, const Batch&,
                                      int64_t batch_idx, int64_t dataloader_idx) {
  if (batch_idx == 0) finish_loader(trainer);
  start_loader("Testing", batch_idx, dataloader_idx,
               trainer.num_test_batches()[static_cast<size_t>(dataloader_idx)]);
}
void ProgressBar::on_test_batch_end(Trainer&, LightningModule&, const StepOutput&, const Batch&,
                                    int64_t, int64_t) {
  advance_loader();
}
void ProgressBar::on_test_end(Trainer& trainer, LightningModule&) {
  finish_loader(trainer);
}

void ProgressBar::on_predict_batch_start(Trainer& trainer, LightningModule&, const Batch&,
                                         int64_t batch_idx, int64_t dataloader_idx) {
  if (batch_idx == 0) finish_loader(trainer);
  start_loader("Predicting", batch_idx, dataloader_idx,
               trainer.num_predict_batches()[static_cast<size_t>(dataloader_idx)]);
}
void ProgressBar::on_predict_batch_end(Trainer&, LightningModule&, const Batch&, const Batch&,
                                       int64_t, int64_t) {
  advance_loader();
}
void ProgressBar::on_predict_end(Trainer& trainer, LightningModule&) {
  finish_loader(trainer);
}

void ProgressBar::on_exception(Trainer&, LightningModule&, const std::exception&) {
  train_.reset();
  evaluation_.reset();
}

}  // namespace lit
