// ThroughputMonitor: batches, samples and tokens per second, to the loggers.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "lit/callbacks/callback.h"

namespace lit {

/// Lightning's arguments.
struct ThroughputMonitorOptions {
  /// Samples of a batch; by default its batch_size().
  std::function<int64_t(const Batch&)> batch_size_fn = nullptr;
  /// Items of a batch that are not samples: tokens, pixels. Then items per second are logged, too.
  std::function<int64_t(const Batch&)> length_fn = nullptr;
  int64_t window_size = 100;  ///< rates are those of that many batches; at least 2
  std::string separator = "/";
  /// Floating-point operations that a batch takes, and that the device can do in a second: then
  /// flops_per_sec is logged, and with both mfu, the share of the device that is used.
  std::optional<double> flops_per_batch = std::nullopt;
  std::optional<double> available_flops = std::nullopt;
};

/// Logs `train/time` (seconds since training started, without validation), `train/batches` and
/// `train/samples`; once the window is full also `train/device/batches_per_sec`, `samples_per_sec`,
/// `items_per_sec`, `flops_per_sec` and `mfu`. The same of an evaluation as `validate/`, `test/`
/// and `predict/`, at the number of its batches so far. On CUDA it waits for the device where it
/// logs, and only there.
class ThroughputMonitor : public Callback {
 public:
  using Options = ThroughputMonitorOptions;
  /// @throws Error for an option out of range
  explicit ThroughputMonitor(Options options = {});

  void on_train_start(Trainer& trainer, LightningModule& module) override;
  void on_train_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                          const Batch& batch, int64_t batch_idx) override;
  void on_validation_start(Trainer& trainer, LightningModule& module) override;
  void on_validation_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                               const Batch& batch, int64_t batch_idx,
                               int64_t dataloader_idx) override;
  void on_validation_end(Trainer& trainer, LightningModule& module) override;
  void on_test_start(Trainer& trainer, LightningModule& module) override;
  void on_test_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                         const Batch& batch, int64_t batch_idx, int64_t dataloader_idx) override;
  void on_predict_start(Trainer& trainer, LightningModule& module) override;
  void on_predict_batch_end(Trainer& trainer, LightningModule& module, const Batch& outputs,
                            const Batch& batch, int64_t batch_idx, int64_t dataloader_idx) override;

 private:
  struct Moment {
    double time = 0;
    int64_t batches = 0, samples = 0, items = 0;
  };
  struct Stage {
    double start = 0;
    int64_t all_batches = 0;  // of earlier runs of this stage as well
    Moment now;
    std::deque<Moment> window;
  };
  void start(const std::string& stage);
  void count(Trainer& trainer, const std::string& stage, const Batch& batch);
  void log(Trainer& trainer, const std::string& stage, int64_t step);
  void evaluated(Trainer& trainer, const std::string& stage, const Batch& batch);

  Options options_;
  std::map<std::string, Stage> stages_;
  double validation_start_ = 0;
};

}  // namespace lit
