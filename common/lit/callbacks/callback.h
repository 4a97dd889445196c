// Callback: a feature for any model, hung into the same hooks.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include "lit/core/batch.h"
#include "lit/core/hooks.h"
#include "lit/core/module.h"
#include "lit/core/step_output.h"
#include "serialize/value.h"

namespace torch::optim {
class Optimizer;
}

namespace lit {

class Trainer;

/// Derive from it and override the hooks you need. All of them are called in the order of the
/// Trainer's list, and before the module's own.
class Callback {
 public:
  virtual ~Callback() = default;

  /// Under which its state is kept in a checkpoint: by default the name of its class. Two
  /// callbacks of one Trainer that have state need different ones.
  virtual std::string state_key() const;
  /// What a checkpoint shall keep of it, if anything.
  virtual course::Dict state_dict() const { return {}; }
  virtual void load_state_dict(const course::Dict& state);
  /// Callbacks that write checkpoints run last, so that a file holds what all others have done.
  virtual bool is_checkpoint() const { return false; }
  /// Callbacks that monitor a metric run on_train_epoch_end after the module's, which may log it.
  virtual bool is_monitor() const { return is_checkpoint(); }

  virtual void setup(Trainer&, LightningModule&, const std::string& /*stage*/) {}
  virtual void teardown(Trainer&, LightningModule&, const std::string& /*stage*/) {}
  virtual void on_fit_start(Trainer&, LightningModule&) {}
  virtual void on_fit_end(Trainer&, LightningModule&) {}
  virtual void on_sanity_check_start(Trainer&, LightningModule&) {}
  virtual void on_sanity_check_end(Trainer&, LightningModule&) {}
  virtual void on_train_start(Trainer&, LightningModule&) {}
  virtual void on_train_end(Trainer&, LightningModule&) {}
  virtual void on_train_epoch_start(Trainer&, LightningModule&) {}
  virtual void on_train_epoch_end(Trainer&, LightningModule&) {}
  virtual void on_train_batch_start(Trainer&, LightningModule&, const Batch&,
                                    int64_t /*batch_idx*/) {}
  virtual void on_train_batch_end(Trainer&, LightningModule&, const StepOutput&, const Batch&,
                                  int64_t /*batch_idx*/) {}
  virtual void on_validation_start(Trainer&, LightningModule&) {}
  virtual void on_validation_end(Trainer&, LightningModule&) {}
  virtual void on_validation_epoch_start(Trainer&, LightningModule&) {}
  virtual void on_validation_epoch_end(Trainer&, LightningModule&) {}
  virtual void on_validation_batch_start(Trainer&, LightningModule&, const Batch&,
                                         int64_t /*batch_idx*/, int64_t /*dataloader_idx*/) {}
  virtual void on_validation_batch_end(Trainer&, LightningModule&, const StepOutput&, const Batch&,
                                       int64_t /*batch_idx*/, int64_t /*dataloader_idx*/) {}
  virtual void on_test_start(Trainer&, LightningModule&) {}
  virtual void on_test_end(Trainer&, LightningModule&) {}
  virtual void on_test_epoch_start(Trainer&, LightningModule&) {}
  virtual void on_test_epoch_end(Trainer&, LightningModule&) {}
  virtual void on_test_batch_start(Trainer&, LightningModule&, const Batch&, int64_t /*batch_idx*/,
                                   int64_t /*dataloader_idx*/) {}
  virtual void on_test_batch_end(Trainer&, LightningModule&, const StepOutput&, const Batch&,
                                 int64_t /*batch_idx*/, int64_t /*dataloader_idx*/) {}
  virtual void on_predict_start(Trainer&, LightningModule&) {}
  virtual void on_predict_end(Trainer&, LightningModule&) {}
  virtual void on_predict_epoch_start(Trainer&, LightningModule&) {}
  virtual void on_predict_epoch_end(Trainer&, LightningModule&) {}
  virtual void on_predict_batch_start(Trainer&, LightningModule&, const Batch&,
                                      int64_t /*batch_idx*/, int64_t /*dataloader_idx*/) {}
  virtual void on_predict_batch_end(Trainer&, LightningModule&, const Batch& /*outputs*/,
                                    const Batch&, int64_t /*batch_idx*/,
                                    int64_t /*dataloader_idx*/) {}
  virtual void on_before_zero_grad(Trainer&, LightningModule&, torch::optim::Optimizer&) {}
  virtual void on_before_backward(Trainer&, LightningModule&, const torch::Tensor& /*loss*/) {}
  virtual void on_after_backward(Trainer&, LightningModule&) {}
  virtual void on_before_optimizer_step(Trainer&, LightningModule&, torch::optim::Optimizer&) {}
  /// A checkpoint is about to be written (not one of weights only), and can be added to; its states
  /// are in it already. Or one was read: the module has its weights, this callback not yet its
  /// state.
  virtual void on_save_checkpoint(Trainer&, LightningModule&, course::Dict& /*checkpoint*/) {}
  virtual void on_load_checkpoint(Trainer&, LightningModule&, const course::Dict& /*checkpoint*/) {}
  /// A run ends by an exception, Interrupted among them.
  virtual void on_exception(Trainer&, LightningModule&, const std::exception&) {}

  /// Which hooks it overrides; none: unknown, since it was not made by lit::callback().
  const std::optional<HookSet>& overridden_hooks() const { return overridden_; }
  void set_overridden_hooks(const HookSet& hooks) { overridden_ = hooks; }

 private:
  std::optional<HookSet> overridden_;
};

/// The hooks that T, or a class between it and Callback, overrides.
template <typename T>
HookSet overridden_callback_hooks() {
  HookSet hooks;
// One that is private or overloaded has no type here, and counts as overridden.
#define LIT_HOOK(hook)                                                                    \
  if constexpr (!requires {                                                               \
                  requires std::is_same_v<decltype(&T::hook), decltype(&Callback::hook)>; \
                }) {                                                                      \
    hooks.set(Hook::hook);                                                                \
  }
#include "lit/core/callback_hooks.def"
  return hooks;
}

/// A callback of type T for the list of a Trainer: `lit::callback<EarlyStopping>({.monitor =
/// "val_loss"})`.
template <typename T>
std::shared_ptr<T> callback() {
  auto made = std::make_shared<T>();
  made->set_overridden_hooks(overridden_callback_hooks<T>());
  return made;
}
template <typename T>
std::shared_ptr<T> callback(typename T::Options options) {
  auto made = std::make_shared<T>(std::move(options));
  made->set_overridden_hooks(overridden_callback_hooks<T>());
  return made;
}

}  // namespace lit
