// Trainer: you say what one step is, it does the rest.
#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lit/core/data_module.h"
#include "lit/core/loader.h"
#include "lit/core/logging.h"
#include "lit/core/module.h"
#include "lit/core/optimizers.h"
#include "lit/trainer/options.h"

namespace lit {

class CheckpointConnector;
class EvaluationLoop;
class FitLoop;
class HookCalls;
class PredictionLoop;

/// Which entry point runs, which part of it, and how far it got.
struct TrainerState {
  enum class Fn { none, fit, validate, test, predict };
  enum class Stage { none, sanity_checking, training, validating, testing, predicting };
  enum class Status { initializing, running, finished, interrupted };

  Fn fn = Fn::none;
  Stage stage = Stage::none;
  Status status = Status::initializing;
};

/// Epoch-level metrics of one evaluation loader, by name.
using Scores = std::map<std::string, double>;

struct FitOptions {
  /// A checkpoint to go on from: a file, "last" (the newest last*.ckpt of the Trainer's
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
/// Every entry point throws lit::Error for what is not as it must be, lit::Interrupted after
/// Ctrl-C, SIGTERM or SIGHUP, and what the hooks throw; after that state().status is `interrupted`,
/// the callbacks' on_exception has run, loggers are finalized, and neither on_train_end, on_fit_end
/// nor teardown has run. What goes wrong on the way out is a warning: the first error is the one
/// that is thrown.
class Trainer {
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

  /// Writes all that the run is at this moment, as one file that can be gone on from; or the
  /// weights and hyperparameters alone. Python's torch.load reads it.
  /// @throws Error if it cannot be written, or if there is no module yet; what was there before is
  /// unchanged
  void save_checkpoint(const std::filesystem::path& path, bool weights_only = false);
  /// The file the run began with; empty: none.
  const std::filesystem::path& ckpt_path() const;

  /// Set to true, from any hook, it ends fit after the batch (once min_epochs and min_steps are
  /// reached).
  bool should_stop = false;

  const TrainerState& state() const { return state_; }
  bool training() const { return state_.stage == TrainerState::Stage::training; }
  bool validating() const { return state_.stage == TrainerState::Stage::validating; }
  bool testing() const { return state_.stage == TrainerState::Stage::testing; }
  bool predicting() const { return state_.stage == TrainerState::Stage::predicting; }
  bool sanity_checking() const { return state_.stage == TrainerState::Stage::sanity_checking; }
  bool interrupted() const { return state_.status == TrainerState::Status::interrupted; }

  /// Epochs completed; while one runs, its index.
  int64_t current_epoch() const { return current_epoch_; }
  /// Optimizer steps taken.
  int64_t global_step() const { return global_step_; }
  /// Batches after which a step was due: the step that loggers see.
  int64_t logger_step() const { return batches_that_stepped_; }
  bool is_last_batch() const { return is_last_batch_; }
  /// Has this fit trained a batch of its own? Until then nothing that an earlier run kept may be
  /// replaced: the state is still that of a checkpoint, or half of it.
  bool has_trained() const;
  int64_t max_epochs() const { return max_epochs_; }
  int64_t max_steps() const { return options_.max_steps; }
  /// For a fit that goes further than the last one: -1 is no end.
  void set_max_epochs(int64_t epochs);
  void set_max_steps(int64_t steps);

  /// Batches of a training epoch, after all limits; unlimited() if nobody knows.
  int64_t num_training_batches() const { return num_training_batches_; }
  /// For each loader.
  const std::vector<int64_t>& num_val_batches() const { return num_val_batches_; }
  const std::vector<int64_t>& num_test_batches() const { return num_test_batches_; }
  const std::vector<int64_t>& num_predict_batches() const { return num_predict_batches_; }
  static constexpr int64_t unlimited() { return std::numeric_limits<int64_t>::max(); }
  /// Batches whose gradients are summed up for one step. It can be set while fit runs, from
  /// on_train_epoch_start. @throws Error for less than 1
  int64_t accumulate_grad_batches() const { return options_.accumulate_grad_batches; }
  void set_accumulate_grad_batches(int64_t batches);
  /// Optimizer steps that fit will take in all; unlimited() if nobody knows.
  int64_t estimated_stepping_batches();

  /// What was logged, by name, with its latest value: for monitors, as the loggers got it, and as
  /// the progress bar shows it. Cleared when the next entry point starts.
  const Metrics& callback_metrics();
  const Metrics& logged_metrics();
  const Metrics& progress_bar_metrics();

  // For callbacks that have numbers of their own, which are not the module's.

  /// Is this a batch that loggers get (log_every_n_steps)?
  bool should_update_logs() const;
  /// Sends numbers to the loggers at once, as they are; `for_monitors`: also into
  /// callback_metrics().
  void log_metrics(const Metrics& metrics, int64_t step, bool for_monitors = false);
  /// Does fit validate at all: is there a validation_step, a loader, and a limit_val_batches above
  /// 0?
  bool enable_validation() const;
  /// Does a validation follow on the training batch at hand?
  bool validation_is_due() const;
  /// Does that loader of predict() shuffle, so that nobody knows which sample is which?
  bool predict_loader_shuffles(int64_t dataloader_idx) const;
  /// Does the module's type override that hook?
  bool is_overridden(Hook hook) const { return module_ && module_->hooks().has(hook); }

  LightningModule& module() const;
  const std::shared_ptr<LightningDataModule>& datamodule() const { return data_.data_module(); }
  std::vector<LightningOptimizer>& optimizers() { return optimizers_; }
  const std::vector<LRSchedulerConfig>& lr_scheduler_configs() const { return schedulers_; }
  const std::vector<std::shared_ptr<Callback>>& callbacks() const { return callbacks_; }
  /// The first callback of that type, or nullptr.
  template <typename T>
  std::shared_ptr<T> find_callback() const {
    for (const auto& callback : callbacks_) {
      if (auto found = std::dynamic_pointer_cast<T>(callback)) return found;
    }
    return nullptr;
  }
  const std::vector<std::shared_ptr<Logger>>& loggers() const { return loggers_; }
  Logger* logger() const { return loggers_.empty() ? nullptr : loggers_.front().get(); }
  /// The first logger's log_dir, else its save_dir, else default_root_dir.
  std::filesystem::path log_dir() const;
  Strategy& strategy() const { return *strategy_; }
  /// For blocks of your own: `const auto timed = trainer.profiler().profile("augment");`
  Profiler& profiler() { return profiler_ == nullptr ? no_profiler_ : *profiler_; }
  const TrainerOptions& options() const { return options_; }
  bool fast_dev_run() const { return options_.fast_dev_run > 0; }

  /// Whether Ctrl-C and SIGTERM are taken note of during a run (the default), or left to the host
  /// program.
  void handle_signals(bool handle) { handle_signals_ = handle; }

 private:
  friend class CheckpointConnector;
  friend class EvaluationLoop;
  friend class FitLoop;
  friend class HookCalls;
  friend class LightningModule;
  friend class LightningOptimizer;
  friend class PredictionLoop;
  using Fn = TrainerState::Fn;
  using Stage = TrainerState::Stage;
  using Status = TrainerState::Status;

  // What all entry points have in common: the run from attach to teardown, around `run`.
  void enter(Fn fn, ModuleRef module, DataModuleRef data, const std::string& ckpt_path,
             const std::function<void()>& run);
  void attach(Fn fn, ModuleRef module, DataModuleRef data);
  void detach();
  void configure_callbacks();
  void check_configuration(Fn fn) const;
  void resolve_epoch_limits();
  void order_callbacks();
  void set_up(Fn fn);
  void make_optimizers();
  void check_optimizers() const;
  void tear_down(Fn fn);
  void log_hyperparams();
  void fail(const std::exception& error);

  std::vector<Scores> evaluate(Fn fn, ModuleRef module, DataModuleRef data, const Loaders& loaders,
                               EvaluateOptions options);
  std::vector<std::vector<Batch>> predict_with(ModuleRef module, DataModuleRef data,
                                               const Loaders& loaders, PredictOptions options);
  void fit_with(ModuleRef module, DataModuleRef data, const Loaders& train, const Loaders& val,
                const FitOptions& options);

  // Loaders of a stage: those that were given, else the data module's, else the module's.
  Loaders request_loaders(Hook hook, const Loaders& given);
  // Is there anybody to ask?
  bool has_source(Hook hook, const Loaders& given) const;
  int64_t limited(const std::string& name, Limit limit, const Loader& loader) const;
  bool validates() const;

  // Batches.
  Batch transfer(Batch batch, int64_t dataloader_idx);

  // Steps.
  void step_optimizer(LightningOptimizer& optimizer, const Closure& closure);
  void manual_backward(const torch::Tensor& loss);

  // Logging.
  void log(const std::string& name, const LogValue& value, const LogOptions& options);
  void log(const std::string& name, const std::shared_ptr<Metric>& metric,
           const LogOptions& options);
  LogOptions settle(const std::string& name, const LogOptions& options) const;
  void update_metrics(bool on_step);
  void send(Metrics metrics, int64_t step, bool with_epoch);
  void clear_metrics();
  /// The profiler's, if there is one.
  Profiler::Scope timed(const char* action) const {
    return profiler_ == nullptr ? Profiler::Scope() : Profiler::Scope(profiler_.get(), action);
  }

  // Modes of all submodules, put away during an evaluation.
  void save_modes();
  void restore_modes();

  TrainerOptions options_;
  std::vector<std::shared_ptr<Callback>> own_callbacks_;  // in order; without the module's
  std::vector<std::shared_ptr<Callback>> callbacks_;      // all, in the order they are called in
  std::vector<std::shared_ptr<Logger>> loggers_;
  std::shared_ptr<Strategy> strategy_;
  std::shared_ptr<Profiler> profiler_;  // nullptr: none
  PassThroughProfiler no_profiler_;
  std::unique_ptr<HookCalls> calls_;
  std::unique_ptr<CheckpointConnector> checkpoints_;
  std::unique_ptr<FitLoop> fit_loop_;
  std::unique_ptr<EvaluationLoop> val_loop_, validate_loop_, test_loop_;
  std::unique_ptr<PredictionLoop> predict_loop_;
  bool handle_signals_ = true;

  TrainerState state_;
  std::optional<ModuleRef> module_;
  DataModuleRef data_;
  std::vector<LightningOptimizer> optimizers_;
  std::vector<LRSchedulerConfig> schedulers_;

  int64_t max_epochs_ = -1, min_epochs_ = 0;
  int64_t current_epoch_ = 0, global_step_ = 0, batches_that_stepped_ = 0;
  bool is_last_batch_ = false;
  int64_t num_training_batches_ = unlimited();
  std::vector<int64_t> num_val_batches_, num_test_batches_, num_predict_batches_;

  Hook hook_ = Hook::none;        // in which log() would be called now
  const Batch* batch_ = nullptr;  // that a step or batch hook works on
  int64_t dataloader_idx_ = -1;   // of an evaluation with several loaders
  Results* results_ = nullptr;    // where log() puts values now
  bool results_on_step_ = true;   // do the containers show step values, or the epoch's?
  Metrics callback_metrics_, logged_metrics_, progress_bar_metrics_;
  std::set<const torch::nn::Module*> logged_parts_;  // the module's metrics
  std::vector<std::pair<std::shared_ptr<torch::nn::Module>, bool>> modes_;
  bool warned_of_log_ = false;
};

}  // namespace lit
