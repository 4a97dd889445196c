// Trainer: you say what one step is, it does the rest.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "lit/core/data_module.h"
#include "lit/core/loader.h"
#include "lit/core/logging.h"
#include "lit/core/module.h"
#include "lit/run/lasting.h"
#include "lit/run/log_session.h"
#include "lit/trainer/options.h"

namespace lit {

class Run;

struct FitOptions {
  /// A checkpoint to resume from: a file, "last" (the newest last*.ckpt of the Trainer's
  /// ModelCheckpoints) or "best" (the first one's best_model_path). Everything is restored:
  /// weights, optimizers, schedulers, callbacks, the place in the data, random streams.
  std::string ckpt_path = "";
};

struct EvaluateOptions {
  bool verbose = true;         ///< print a table of the results
  std::string ckpt_path = "";  ///< whose weights the module gets first: as in FitOptions
};

struct PredictOptions {
  /// false: nothing is kept, for callbacks that write each batch away.
  bool return_predictions = true;
  std::string ckpt_path = "";  ///< as in EvaluateOptions
};

/// Runs a LightningModule. What it does, in which order and when it stops is Lightning's, described
/// hook by hook in common/lit/README.md; `loops/fit_loop.cpp` is training, top to bottom.
///
///     auto module = std::make_shared<LitClassifier>(options);
///     lit::Trainer trainer({.max_epochs = 10});
///     trainer.fit(module, train_loader, val_loader);
///     trainer.test(module, test_loader);
///
/// Every entry point throws lit::Error for invalid input, lit::Interrupted after
/// Ctrl-C, SIGTERM or SIGHUP, and what the hooks throw; after that state().status is `interrupted`,
/// the callbacks' on_exception has run, loggers are finalized, and neither on_train_end, on_fit_end
/// nor teardown has run. Further failures on the way out are warnings: the first error is thrown.
///
/// The Trainer owns what outlives a run: strategy, loggers, callbacks, progress. Everything else
/// belongs to a Run (lit/run/run.h), which stays alive until the next one, so the accessors below
/// answer for the last run. Entry points cannot be called inside a run.
class Trainer {
  Lasting lasting_;

 public:
  /// @throws Error for an option that is out of range
  explicit Trainer(TrainerOptions options = {});
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Trains, and validates if the module has a validation_step and there is a loader for it.
  /// Loaders that are not given are the data module's, else the module's own. A second call goes on
  /// where the first one stopped.
  void fit(ModuleRef module, Loaders train_dataloader = {}, Loaders val_dataloaders = {},
           FitOptions options = {});
  void fit(ModuleRef module, DataModuleRef datamodule, FitOptions options = {});

  /// A fit inside of the fit that runs, for a callback that tries something out (a learning rate, a
  /// batch size): of the same module, data and strategy, with `options`, and with those callbacks
  /// and loggers alone that are named there. It is called from on_fit_start, on_train_start or
  /// on_train_epoch_start. While it runs, the accessors show its numbers, which begin at 0;
  /// afterwards, even when it throws, the fit is as it was, to the bit: weights, gradients, modes,
  /// metrics, what hooks and data module keep in a checkpoint, random streams, progress, limits.
  /// Hooks of setup, of on_fit_start and of their counterparts are not called again.
  /// @throws Error outside of those hooks
  void fit_inside(const TrainerOptions& options);

  /// Runs the module once over each loader, and returns what it logged, for each loader.
  std::vector<Scores> validate(ModuleRef module, Loaders dataloaders = {},
                               EvaluateOptions options = {});
  std::vector<Scores> validate(ModuleRef module, DataModuleRef datamodule,
                               EvaluateOptions options = {});
  std::vector<Scores> test(ModuleRef module, Loaders dataloaders = {},
                           EvaluateOptions options = {});
  std::vector<Scores> test(ModuleRef module, DataModuleRef datamodule,
                           EvaluateOptions options = {});

  /// The predictions of every batch of every loader, on the CPU.
  std::vector<std::vector<Batch>> predict(ModuleRef module, Loaders dataloaders = {},
                                          PredictOptions options = {});
  std::vector<std::vector<Batch>> predict(ModuleRef module, DataModuleRef datamodule,
                                          PredictOptions options = {});

  /// Writes a checkpoint from which training can resume, as one file; or the weights and
  /// hyperparameters alone. Python's torch.load reads it.
  /// @throws Error if it cannot be written, or if there is no module yet; what was there before is
  /// unchanged
  void save_checkpoint(const std::filesystem::path& path, bool weights_only = false);
  /// The file the run began with; empty: none.
  const std::filesystem::path& ckpt_path() const;

  /// Set to true, from any hook, it ends fit after the batch (once min_epochs and min_steps are
  /// reached).
  bool& should_stop = lasting_.limits.should_stop;

  const TrainerState& state() const { return lasting_.state; }
  bool training() const { return state().stage == TrainerState::Stage::training; }
  bool validating() const { return state().stage == TrainerState::Stage::validating; }
  bool testing() const { return state().stage == TrainerState::Stage::testing; }
  bool predicting() const { return state().stage == TrainerState::Stage::predicting; }
  bool sanity_checking() const { return state().stage == TrainerState::Stage::sanity_checking; }
  bool interrupted() const { return state().status == TrainerState::Status::interrupted; }

  /// The only counters.
  const Progress& progress() const { return lasting_.progress; }
  /// Epochs completed; while one runs, its index.
  int64_t current_epoch() const { return progress().current_epoch; }
  /// Optimizer steps taken.
  int64_t global_step() const { return progress().global_step; }
  /// Batches after which a step was due: the step that loggers see.
  int64_t logger_step() const { return progress().batches_that_stepped; }
  bool is_last_batch() const { return progress().is_last_batch || progress().rest_is_skipped; }
  /// Whether this fit has trained a batch. Until then files of an earlier run must not be replaced:
  /// the state is still a checkpoint's, or half of one.
  bool has_trained() const { return progress().has_trained; }

  int64_t max_epochs() const { return lasting_.limits.max_epochs; }
  int64_t max_steps() const { return lasting_.limits.max_steps; }
  /// Applies at once, and to later fits; -1 is no end. @throws Error for less
  void set_max_epochs(int64_t epochs);
  void set_max_steps(int64_t steps);
  /// Batches whose gradients are summed up for one step. It can be set while fit runs, from
  /// on_train_epoch_start. @throws Error for less than 1
  int64_t accumulate_grad_batches() const { return lasting_.limits.accumulate_grad_batches; }
  void set_accumulate_grad_batches(int64_t batches);

  /// Batches of a training epoch, after all limits; unlimited() if unknown.
  int64_t num_training_batches() const { return lasting_.batches.training; }
  /// For each loader.
  const std::vector<int64_t>& num_val_batches() const { return lasting_.batches.validation; }
  const std::vector<int64_t>& num_test_batches() const { return lasting_.batches.test; }
  const std::vector<int64_t>& num_predict_batches() const { return lasting_.batches.prediction; }
  static constexpr int64_t unlimited() { return kUnlimited; }
  /// Optimizer steps that fit will take in all; unlimited() if unknown.
  int64_t estimated_stepping_batches();

  /// What was logged, by name, with its latest value: for monitors, as the loggers got it, and as
  /// the progress bar shows it. Cleared when the next entry point starts.
  const LoggedMetrics& callback_metrics() const;
  const LoggedMetrics& logged_metrics() const;
  const LoggedMetrics& progress_bar_metrics() const;

  // For callbacks that have numbers of their own, which are not the module's.

  /// Whether loggers get the values of the current batch (log_every_n_steps).
  bool should_update_logs() const;
  /// Sends numbers to the loggers at once, as they are; `for_monitors`: also into
  /// callback_metrics().
  void log_metrics(const LoggedMetrics& metrics, int64_t step, bool for_monitors = false);
  /// Whether fit validates: there is a validation_step, a loader, and a limit_val_batches above 0.
  bool enable_validation() const;
  /// Whether a validation follows the current training batch.
  bool validation_is_due() const;
  /// Whether that loader of predict() shuffles, so that predictions cannot be matched to samples.
  bool predict_loader_shuffles(int64_t dataloader_idx) const;
  /// Whether the module's type overrides that hook.
  bool is_overridden(Hook hook) const;

  LightningModule& module() const;
  const std::shared_ptr<LightningDataModule>& datamodule() const;
  std::vector<LightningOptimizer>& optimizers() { return lasting_.optimizers.optimizers; }
  const std::vector<LRSchedulerConfig>& lr_scheduler_configs() const {
    return lasting_.optimizers.schedulers;
  }
  /// In call order, with those of the module.
  const std::vector<std::shared_ptr<Callback>>& callbacks() const;
  /// The first callback of that type, or nullptr.
  template <typename T>
  std::shared_ptr<T> find_callback() const {
    for (const auto& callback : callbacks()) {
      if (auto found = std::dynamic_pointer_cast<T>(callback)) return found;
    }
    return nullptr;
  }
  const std::vector<std::shared_ptr<Logger>>& loggers() const { return lasting_.loggers; }
  Logger* logger() const { return loggers().empty() ? nullptr : loggers().front().get(); }
  /// The first logger's log_dir, else its save_dir, else default_root_dir.
  std::filesystem::path log_dir() const;
  Strategy& strategy() const { return *lasting_.strategy; }
  /// For blocks of your own: `const auto timed = trainer.profiler().profile("augment");`
  Profiler& profiler() { return lasting_.profiler ? *lasting_.profiler : no_profiler_; }
  /// As they were given.
  const TrainerOptions& options() const { return options_; }
  bool fast_dev_run() const { return options_.fast_dev_run > 0; }

  /// Whether Ctrl-C and SIGTERM are taken note of during a run (the default), or left to the host
  /// program.
  void handle_signals(bool handle) { lasting_.handles_signals = handle; }

 private:
  // Begins a run. @throws Error for no module, or inside of another run
  Run& begin(TrainerState::Fn fn, ModuleRef module, DataModuleRef data);
  std::vector<Scores> evaluate(TrainerState::Fn fn, ModuleRef module, DataModuleRef data,
                               const Loaders& loaders, const EvaluateOptions& options);
  // The last one. @throws Error if there was none
  Run& run() const;

  const TrainerOptions options_;
  PassThroughProfiler no_profiler_;
  std::unique_ptr<Run> run_;
};

}  // namespace lit
