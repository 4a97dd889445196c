// ProgressBar: how far a run is, on a terminal or in a pipe.
#pragma once

#include <memory>
#include <string>

#include "lit/callbacks/callback.h"
#include "terminal/progress.h"

namespace lit {

/// One line for the training epoch and one for each evaluation loader, with batches, rate, time
/// left, and what was logged with prog_bar. Redrawn by the clock, so that it costs a step next to
/// nothing. In a pipe each line is written once, when it is finished.
class ProgressBar : public Callback {
 public:
  explicit ProgressBar(course::ProgressOutput output = course::ProgressOutput::standard())
      : output_(output) {
    output_.takes_signals = false;  // the Trainer sees to them, unless it was told not to
  }

  /// The text behind the bar: the trainer's progress_bar_metrics. Override it to show more.
  virtual std::string get_metrics(Trainer& trainer) const;

  void on_sanity_check_end(Trainer& trainer, LightningModule& module) override;
  void on_train_epoch_start(Trainer& trainer, LightningModule& module) override;
  void on_train_batch_start(Trainer& trainer, LightningModule& module, const Batch& batch,
                            int64_t batch_idx) override;
  void on_train_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                          const Batch& batch, int64_t batch_idx) override;
  void on_train_epoch_end(Trainer& trainer, LightningModule& module) override;
  void on_validation_batch_start(Trainer& trainer, LightningModule& module, const Batch& batch,
                                 int64_t batch_idx, int64_t dataloader_idx) override;
  void on_validation_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                               const Batch& batch, int64_t batch_idx,
                               int64_t dataloader_idx) override;
  void on_validation_end(Trainer& trainer, LightningModule& module) override;
  void on_test_batch_start(Trainer& trainer, LightningModule& module, const Batch& batch,
                           int64_t batch_idx, int64_t dataloader_idx) override;
  void on_test_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                         const Batch& batch, int64_t batch_idx, int64_t dataloader_idx) override;
  void on_test_end(Trainer& trainer, LightningModule& module) override;
  void on_predict_batch_start(Trainer& trainer, LightningModule& module, const Batch& batch,
                              int64_t batch_idx, int64_t dataloader_idx) override;
  void on_predict_batch_end(Trainer& trainer, LightningModule& module, const Batch& outputs,
                            const Batch& batch, int64_t batch_idx, int64_t dataloader_idx) override;
  void on_predict_end(Trainer& trainer, LightningModule& module) override;
  void on_exception(Trainer& trainer, LightningModule& module,
                    const std::exception& exception) override;

 private:
  void start_epoch(const Trainer& trainer, int64_t done);
  void start_loader(const char* what, int64_t batch_idx, int64_t dataloader_idx, int64_t batches);
  void advance_loader();
  void finish_loader(const Trainer& trainer);

  course::ProgressOutput output_;
  std::unique_ptr<course::ProgressBar> train_, evaluation_;
};

}  // namespace lit
