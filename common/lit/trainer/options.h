// What can be said to a Trainer.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit/loggers/logger.h"
#include "lit/profilers/profiler.h"
#include "lit/strategies/strategy.h"

namespace lit {

/// Some of the batches: a whole number counts them, a fraction from 0.0 to 1.0 is a share of them.
/// So 1 is one batch, and 1.0 is all of them.
using Limit = std::variant<int64_t, double>;

/// A time span: any of std::chrono, or "DD:HH:MM:SS".
class Duration {
 public:
  template <typename Rep, typename Period>
  Duration(std::chrono::duration<Rep, Period> span)
      : seconds_(std::chrono::duration<double>(span).count()) {}
  Duration(const std::string& text);  ///< @throws Error unless it is DD:HH:MM:SS
  Duration(const char* text) : Duration(std::string(text)) {}

  double seconds() const { return seconds_; }

 private:
  double seconds_;
};

/// Batches between validations, as a Limit; or the time between them.
using CheckInterval = std::variant<int64_t, double, Duration>;

/// The arguments of Lightning's Trainer that there are here, by their names, in their order, with
/// their defaults. There are no others.
struct TrainerOptions {
  std::string accelerator = "auto";  ///< auto, cpu, cuda, gpu (the same) or mps
  /// One of ours or of your own; none: that of one device, by accelerator and devices.
  std::shared_ptr<Strategy> strategy = nullptr;
  Devices devices = "auto";  ///< 1, "auto", or the index of one: "1,"
  /// One of your own; none: that of the module's weights.
  std::shared_ptr<PrecisionPlugin> precision = nullptr;
  /// true: a TensorBoardLogger in default_root_dir; false: none; one, or several in braces.
  LoggerChoice logger = true;
  std::vector<std::shared_ptr<Callback>> callbacks = {};
  /// Runs this many batches of everything, once, without sanity check, loggers, early stopping or
  /// checkpoints: does all of the code run? `true` is 1.
  int64_t fast_dev_run = 0;
  /// Epochs; -1: no end. If neither this nor max_steps nor max_time is given: 1000.
  std::optional<int64_t> max_epochs = std::nullopt;
  std::optional<int64_t> min_epochs = std::nullopt;
  int64_t max_steps = -1;  ///< optimizer steps; -1: no end
  std::optional<int64_t> min_steps = std::nullopt;
  std::optional<Duration> max_time = std::nullopt;
  Limit limit_train_batches = 1.0;
  Limit limit_val_batches = 1.0;
  Limit limit_test_batches = 1.0;
  Limit limit_predict_batches = 1.0;
  /// If not 0: so much of the training and of the validation set, never shuffled. A model that
  /// cannot learn these by heart has a mistake in it.
  Limit overfit_batches = 0.0;
  /// When validation runs within an epoch: each that many batches, at each such share of the epoch,
  /// or when so much time has passed.
  CheckInterval val_check_interval = 1.0;
  /// In which epochs validation runs; none: val_check_interval counts batches across epochs.
  std::optional<int64_t> check_val_every_n_epoch = 1;
  int64_t num_sanity_val_steps = 2;  ///< batches of each loader; 0: no check; -1: all batches
  int64_t log_every_n_steps = 50;    ///< 0: no step is logged, only epochs
  /// A ModelCheckpoint that keeps the newest state, unless callbacks has one that keeps any.
  bool enable_checkpointing = true;
  bool enable_progress_bar = true;
  bool enable_model_summary = true;
  int64_t accumulate_grad_batches = 1;
  std::optional<double> gradient_clip_val = std::nullopt;
  GradientClip gradient_clip_algorithm = GradientClip::norm;
  /// true: only algorithms that give the same numbers each time, else an error; "warn": a warning.
  std::variant<bool, std::string> deterministic = false;
  std::optional<bool> benchmark = std::nullopt;  ///< lets cuDNN try which algorithm is fastest
  bool inference_mode = true;    ///< for validate, test and predict; false: only no gradients
  ProfilerChoice profiler = "";  ///< "simple", "pytorch", or a Profiler; "": none
  bool detect_anomaly = false;   ///< an error where a backward pass makes a NaN; slow
  int64_t reload_dataloaders_every_n_epochs = 0;
  std::filesystem::path default_root_dir = {};  ///< for what has no other place; empty: here
  bool enable_autolog_hparams = true;           ///< loggers get what the modules have saved
  /// Not Lightning's: numbers below the smallest normal float32 (1.2e-38) count as 0 during a run,
  /// in all threads. Processors need a hundred times as long for them, and weights that decay and
  /// moments of optimizers come there as training goes on. false: Python's bits, to the last one.
  bool flush_denormal = true;
  /// Not Lightning's: weights and batches of four dimensions lie in memory with their channels last
  /// (NHWC), as convolutions on a GPU's tensor cores want them. Values and shapes stay.
  bool channels_last = false;
  /// Not Lightning's: reports every hook as it is called, by info().
  bool trace_hooks = false;
};

/// @throws Error that names the first option which is out of range, its value, and what it takes
void check(const TrainerOptions& options);

}  // namespace lit
