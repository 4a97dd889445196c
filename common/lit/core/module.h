// LightningModule: the logic of one model, as hooks that the Trainer calls.
#pragma once

#include <torch/nn/module.h>

#include <concepts>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "lit/core/batch.h"
#include "lit/core/hooks.h"
#include "lit/core/loader.h"
#include "lit/core/logging.h"
#include "lit/core/optimizers.h"
#include "lit/core/step_output.h"
#include "serialize/parameters.h"
#include "serialize/value.h"

namespace lit {

class Callback;
class Logger;
class Metric;
class MetricCollection;
class ModuleRun;
class Trainer;

/// How gradients are made smaller: their common 2-norm to at most the value, or each number to
/// [-value, value].
enum class GradientClip { norm, value };

/// A torch::nn::Module that says what one step is. Derive from it, register the network's modules
/// as always, and override what you need; the names, their order and their defaults are those of
/// Lightning's LightningModule. In every pair of hooks the callbacks' run before the module's.
///
/// Only training_step() and configure_optimizers() are needed for fit(). A step gets the batch on
/// the module's device.
class LightningModule : public torch::nn::Module {
 public:
  LightningModule() = default;
  explicit LightningModule(std::string name) : torch::nn::Module(std::move(name)) {}

  // What one step is.

  /// Returns the loss of a batch: one element, with its graph. `return {};` skips the backward pass
  /// of this batch. With manual optimization what is returned only goes to on_train_batch_end.
  virtual StepOutput training_step(const Batch& batch, int64_t batch_idx);
  /// These run without gradients and in evaluation mode. What they return goes to the hook
  /// on_*_batch_end; what shall be kept of it is logged.
  /// @param dataloader_idx  number of the loader the batch is from; 0 if there is only one
  virtual StepOutput validation_step(const Batch& batch, int64_t batch_idx, int64_t dataloader_idx);
  virtual StepOutput test_step(const Batch& batch, int64_t batch_idx, int64_t dataloader_idx);
  /// Returns the predictions of a batch; Trainer::predict() collects them on the CPU.
  virtual Batch predict_step(const Batch& batch, int64_t batch_idx, int64_t dataloader_idx);
  /// The optimizer, or several, with their schedulers. The parameters are on their device already.
  virtual Optimizers configure_optimizers();

  // Before anything runs.

  /// Called by every entry point. A callback of the same type replaces one of the Trainer's.
  virtual std::vector<std::shared_ptr<Callback>> configure_callbacks() { return {}; }
  /// Download and unpack; called by one process only, so keep nothing in members.
  virtual void prepare_data() {}
  /// @param stage "fit", "validate", "test" or "predict"
  virtual void setup(const std::string& stage);
  virtual void teardown(const std::string& stage);
  /// Makes what is too large to be made before. Called by every entry point: a second call does
  /// nothing.
  virtual void configure_model() {}
  /// Loaders given to an entry point come first, then those of the data module, then these.
  virtual Loaders train_dataloader() { return {}; }
  virtual Loaders val_dataloader() { return {}; }
  virtual Loaders test_dataloader() { return {}; }
  virtual Loaders predict_dataloader() { return {}; }

  // A batch on its way to the device. A data module that overrides one of these is asked instead.

  virtual Batch on_before_batch_transfer(Batch batch, int64_t dataloader_idx);
  virtual Batch transfer_batch_to_device(Batch batch, torch::Device device, int64_t dataloader_idx);
  virtual Batch on_after_batch_transfer(Batch batch, int64_t dataloader_idx);

  // Training.

  virtual void on_fit_start() {}
  virtual void on_fit_end() {}
  virtual void on_train_start() {}
  virtual void on_train_end() {}
  virtual void on_train_epoch_start() {}
  /// The epoch's metrics are there; callbacks that monitor one run after this.
  virtual void on_train_epoch_end() {}
  /// Returns 0; or -1 to skip this batch and the rest of the epoch.
  virtual int on_train_batch_start(const Batch& batch, int64_t batch_idx);
  /// @param outputs  the loss (detached, and divided by accumulate_grad_batches) with what else
  ///                 the step returned
  virtual void on_train_batch_end(const StepOutput& outputs, const Batch& batch, int64_t batch_idx);

  // Evaluation and prediction.

  virtual void on_validation_start() {}
  virtual void on_validation_end() {}
  virtual void on_validation_epoch_start() {}
  virtual void on_validation_epoch_end() {}
  virtual void on_validation_batch_start(const Batch& batch, int64_t batch_idx,
                                         int64_t dataloader_idx);
  virtual void on_validation_batch_end(const StepOutput& outputs, const Batch& batch,
                                       int64_t batch_idx, int64_t dataloader_idx);
  virtual void on_test_start() {}
  virtual void on_test_end() {}
  virtual void on_test_epoch_start() {}
  virtual void on_test_epoch_end() {}
  virtual void on_test_batch_start(const Batch& batch, int64_t batch_idx, int64_t dataloader_idx);
  virtual void on_test_batch_end(const StepOutput& outputs, const Batch& batch, int64_t batch_idx,
                                 int64_t dataloader_idx);
  virtual void on_predict_start() {}
  virtual void on_predict_end() {}
  virtual void on_predict_epoch_start() {}
  virtual void on_predict_epoch_end() {}
  virtual void on_predict_batch_start(const Batch& batch, int64_t batch_idx,
                                      int64_t dataloader_idx);
  virtual void on_predict_batch_end(const Batch& outputs, const Batch& batch, int64_t batch_idx,
                                    int64_t dataloader_idx);
  /// The defaults: eval() before, and every submodule as it was after.
  virtual void on_validation_model_eval() { eval(); }
  virtual void on_validation_model_train();
  virtual void on_test_model_eval() { eval(); }
  virtual void on_test_model_train();
  virtual void on_predict_model_eval() { eval(); }
  virtual void on_predict_model_train();
  /// Before a validation inside of fit: drops the gradients, whose memory it can use.
  virtual void on_validation_model_zero_grad();

  // Inside a training step.

  virtual void on_before_zero_grad(torch::optim::Optimizer& optimizer);
  /// @param loss  divided by accumulate_grad_batches
  virtual void on_before_backward(const torch::Tensor& loss);
  virtual void on_after_backward() {}
  /// The gradients are there, and not clipped yet.
  virtual void on_before_optimizer_step(torch::optim::Optimizer& optimizer);
  virtual void backward(const torch::Tensor& loss) { loss.backward(); }
  /// By default `optimizer.step(closure)`; the closure runs training_step, zero_grad and backward.
  /// An override must call it.
  virtual void optimizer_step(int64_t epoch, int64_t batch_idx, LightningOptimizer& optimizer,
                              const Closure& closure);
  virtual void optimizer_zero_grad(int64_t epoch, int64_t batch_idx,
                                   torch::optim::Optimizer& optimizer);
  /// By default clip_gradients() with the Trainer's options.
  virtual void configure_gradient_clipping(torch::optim::Optimizer& optimizer,
                                           std::optional<double> gradient_clip_val,
                                           GradientClip gradient_clip_algorithm);
  /// By default scheduler.step(), or scheduler.step(metric).
  virtual void lr_scheduler_step(LRScheduler& scheduler, std::optional<double> metric);

  // Checkpoints.

  /// A checkpoint is about to be written, after the callbacks have added to it; and one was read,
  /// before the weights are taken from it.
  virtual void on_save_checkpoint(course::Dict& checkpoint);
  virtual void on_load_checkpoint(course::Dict& checkpoint);
  /// false: weights that are missing or too much are reported, and else ignored, when one is
  /// loaded.
  bool strict_loading = true;

  // What can be called from a step or hook.

  /// Logs a number: to the progress bar, to the loggers, for callbacks that monitor it; once for
  /// each step, as one value for the epoch, or both ("name_step" and "name_epoch"). Outside of a
  /// Trainer it does nothing but warn once, so that a step can be tested by itself.
  /// @throws Error where Lightning's table does not allow it, or for a tensor of several elements
  void log(const std::string& name, const LogValue& value, const LogOptions& options = {});
  void log_dict(const std::vector<std::pair<std::string, LogValue>>& values,
                const LogOptions& options = {});

  /// Logs a metric that is registered in this module: for a step the value of its last forward(),
  /// for the epoch what it computes; then it is reset. reduce_fx and batch_size do not matter.
  /// @throws Error as above, for a metric that is not registered, or one of several numbers
  template <std::derived_from<Metric> M>
  void log(const std::string& name, const std::shared_ptr<M>& metric,
           const LogOptions& options = {}) {
    log_metric(name, metric, options);
  }
  /// Logs what a forward() of a collection has returned, if each is one number.
  template <std::same_as<std::map<std::string, torch::Tensor>> Values>
  void log_dict(const Values& values, const LogOptions& options = {}) {
    for (const auto& [name, value] : values) log(name, value, options);
  }
  /// Logs each metric of a collection that is registered in this module, as log() does.
  /// @throws Error as above
  template <std::same_as<MetricCollection> M>
  void log_dict(const std::shared_ptr<M>& metrics, const LogOptions& options = {}) {
    log_metrics(metrics, options);
  }

  /// Keeps `hparams` for checkpoints and, with `logger`, for loggers; keys of a second call are
  /// added to the first's.
  /// @param name  how the same module in Python takes them (its load_from_checkpoint reads it):
  ///              "kwargs", each as an argument of its own, or the name of the argument that takes
  ///              them all, as "hparams" of `def __init__(self, hparams)`
  void save_hyperparameters(const course::Dict& hparams, bool logger = true,
                            const std::string& name = "kwargs");
  bool logs_hparams() const { return logs_hparams_; }
  const course::Dict& hparams() const { return hparams_; }
  const std::string& hparams_name() const { return hparams_name_; }

  /// As Python's: each tensor and each module once, under its first name, however many names it is
  /// registered with. (torch::nn::Module's own list tied weights twice, and an optimizer that is
  /// made from such a list steps them twice.)
  std::vector<torch::Tensor> parameters(bool recurse = true) const;
  course::NamedTensors named_parameters(bool recurse = true) const;
  std::vector<torch::Tensor> buffers(bool recurse = true) const;
  course::NamedTensors named_buffers(bool recurse = true) const;
  std::vector<std::shared_ptr<torch::nn::Module>> modules(bool include_self = true) const;
  course::NamedModules named_modules(const std::string& name_prefix = "",
                                     bool include_self = true) const;

  /// No parameter gets a gradient, and all submodules are in evaluation mode; and the reverse.
  void freeze();
  void unfreeze();

  /// The Trainer that runs it. @throws Error outside of a run
  Trainer& trainer() const;
  /// Epochs completed, and optimizer steps taken; 0 without a Trainer.
  int64_t current_epoch() const;
  int64_t global_step() const;
  /// That of its first parameter or buffer; the CPU if it has none.
  torch::Device device() const;
  /// The Trainer's first logger; nullptr if it has none.
  Logger* logger() const;

  // Manual optimization: set it to false in the constructor, and let training_step() do the rest.

  bool automatic_optimization = true;

  std::vector<LightningOptimizer>& optimizers() const;
  std::vector<std::shared_ptr<LRScheduler>> lr_schedulers() const;
  /// backward() with its hooks. @throws Error in automatic optimization
  void manual_backward(const torch::Tensor& loss);
  /// Takes the gradient from all parameters that are not the optimizer's, until untoggle: each of
  /// several optimizers then sees only its own graph.
  void toggle_optimizer(const LightningOptimizer& optimizer);
  void untoggle_optimizer(const LightningOptimizer& optimizer);
  /// Clips the gradients of an optimizer's parameters; nothing without a value above 0. Does not
  /// wait for the device.
  void clip_gradients(torch::optim::Optimizer& optimizer, std::optional<double> gradient_clip_val,
                      GradientClip gradient_clip_algorithm = GradientClip::norm);

  /// Which hooks this type overrides. The entry points find out from the type they are called
  /// with; only a module that is passed as a base class must say it, or is refused:
  ///
  ///     std::optional<HookSet> overridden_hooks() const override {
  ///       return lit::overridden_hooks<MyModule>();
  ///     }
  virtual std::optional<HookSet> overridden_hooks() const { return std::nullopt; }

 private:
  friend class Attachment;
  /// @throws Error outside of a run
  ModuleRun& run() const;
  void log_metric(const std::string& name, const std::shared_ptr<Metric>& metric,
                  const LogOptions& options);
  void log_metrics(const std::shared_ptr<MetricCollection>& metrics, const LogOptions& options);

  course::Dict hparams_;
  std::string hparams_name_ = "kwargs";
  bool logs_hparams_ = true;
  ModuleRun* run_ = nullptr;
  std::vector<std::pair<torch::Tensor, bool>> toggled_;
};

/// The hooks that M, or a class between it and LightningModule, overrides: those on which the
/// Trainer's behaviour depends.
template <typename M>
HookSet overridden_hooks() {
  HookSet hooks;
// An override changes the type of &M::hook. One that is private or overloaded has no type here.
#define LIT_OVERRIDDEN(hook)                                                                     \
  if constexpr (!requires {                                                                      \
                  requires std::is_same_v<decltype(&M::hook), decltype(&LightningModule::hook)>; \
                }) {                                                                             \
    hooks.set(Hook::hook);                                                                       \
  }
  LIT_OVERRIDDEN(training_step)
  LIT_OVERRIDDEN(validation_step)
  LIT_OVERRIDDEN(test_step)
  LIT_OVERRIDDEN(predict_step)
  LIT_OVERRIDDEN(configure_optimizers)
  LIT_OVERRIDDEN(prepare_data)
  LIT_OVERRIDDEN(train_dataloader)
  LIT_OVERRIDDEN(val_dataloader)
  LIT_OVERRIDDEN(test_dataloader)
  LIT_OVERRIDDEN(predict_dataloader)
  LIT_OVERRIDDEN(on_before_batch_transfer)
  LIT_OVERRIDDEN(transfer_batch_to_device)
  LIT_OVERRIDDEN(on_after_batch_transfer)
  LIT_OVERRIDDEN(optimizer_step)
  LIT_OVERRIDDEN(optimizer_zero_grad)
#undef LIT_OVERRIDDEN
  return hooks;
}

/// A module, and which hooks it overrides: what the entry points of the Trainer take, made
/// from a shared_ptr or a holder (TORCH_MODULE) by itself.
class ModuleRef {
 public:
  template <std::derived_from<LightningModule> M>
  ModuleRef(const std::shared_ptr<M>& module) : module_(module) {
    if (module == nullptr) return;  // the Trainer has the words for it
    if (typeid(*module) == typeid(M)) {
      hooks_ = lit::overridden_hooks<M>();
    } else if (const std::optional<HookSet> told = module->overridden_hooks()) {
      hooks_ = *told;
    } else {
      is_known_ = false;
    }
  }
  template <std::derived_from<LightningModule> M>
  ModuleRef(const torch::nn::ModuleHolder<M>& holder)
      : ModuleRef(holder.is_empty() ? std::shared_ptr<M>() : holder.ptr()) {}

  const std::shared_ptr<LightningModule>& module() const { return module_; }
  const HookSet& hooks() const { return hooks_; }
  /// false: it was passed as a base class, and has no overridden_hooks().
  bool is_known() const { return is_known_; }

 private:
  std::shared_ptr<LightningModule> module_;
  HookSet hooks_;
  bool is_known_ = true;
};

}  // namespace lit
