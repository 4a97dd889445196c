// One function for each hook: it runs the callbacks' in their order, and then the module's.
#pragma once

#include "lit/callbacks/callback.h"
#include "lit/core/module.h"
#include "lit/trainer/trainer.h"

namespace lit {

class HookCalls {
 public:
  explicit HookCalls(Trainer& trainer) : trainer_(trainer) {}

  // Pairs.
  void on_fit_start() {
    both(Hook::on_fit_start, &Callback::on_fit_start, &LightningModule::on_fit_start);
  }
  void on_fit_end() { both(Hook::on_fit_end, &Callback::on_fit_end, &LightningModule::on_fit_end); }
  void on_train_start() {
    both(Hook::on_train_start, &Callback::on_train_start, &LightningModule::on_train_start);
  }
  void on_train_end() {
    both(Hook::on_train_end, &Callback::on_train_end, &LightningModule::on_train_end);
  }
  void on_train_epoch_start() {
    both(Hook::on_train_epoch_start, &Callback::on_train_epoch_start,
         &LightningModule::on_train_epoch_start);
  }
  /// Those that monitor a metric run last, after the module's, which may log it.
  void on_train_epoch_end();
  /// -1: skip this batch and the rest of the epoch.
  int on_train_batch_start(const Batch& batch, int64_t batch_idx);
  void on_train_batch_end(const StepOutput& outputs, const Batch& batch, int64_t batch_idx) {
    both(Hook::on_train_batch_end, &Callback::on_train_batch_end,
         &LightningModule::on_train_batch_end, outputs, batch, batch_idx);
  }
  void on_before_zero_grad(torch::optim::Optimizer& optimizer) {
    both(Hook::on_before_zero_grad, &Callback::on_before_zero_grad,
         &LightningModule::on_before_zero_grad, optimizer);
  }
  void on_before_backward(const torch::Tensor& loss) {
    both(Hook::on_before_backward, &Callback::on_before_backward,
         &LightningModule::on_before_backward, loss);
  }
  void on_after_backward() {
    both(Hook::on_after_backward, &Callback::on_after_backward,
         &LightningModule::on_after_backward);
  }
  void on_before_optimizer_step(torch::optim::Optimizer& optimizer) {
    both(Hook::on_before_optimizer_step, &Callback::on_before_optimizer_step,
         &LightningModule::on_before_optimizer_step, optimizer);
  }

  /// The callbacks' and the data module's: each is called, whatever the one before throws.
  void on_exception(const std::exception& error);

  // Callbacks alone.
  void on_sanity_check_start() {
    callbacks(Hook::on_sanity_check_start, &Callback::on_sanity_check_start);
  }
  void on_sanity_check_end() {
    callbacks(Hook::on_sanity_check_end, &Callback::on_sanity_check_end);
  }

  /// The module alone: anything that it does for the Trainer under a hook's name.
  template <typename Function>
  decltype(auto) module(Hook hook, Function&& function) {
    const Scope scope(trainer_, Owner::module, hook);
    return function(trainer_.module());
  }
  /// The data module alone.
  template <typename Function>
  decltype(auto) data_module(Hook hook, Function&& function) {
    const Scope scope(trainer_, Owner::data_module, hook);
    return function(*trainer_.data_.data_module());
  }

  /// Callbacks in their order.
  template <typename... P, typename... A>
  void callbacks(Hook hook, void (Callback::*method)(Trainer&, LightningModule&, P...),
                 A&&... arguments) {
    const Scope scope(trainer_, Owner::callbacks, hook);
    LightningModule& module = trainer_.module();
    for (const auto& callback : trainer_.callbacks_) {
      const Profiler::Scope timed = timed_callback(*callback, hook);
      ((*callback).*method)(trainer_, module, arguments...);
    }
  }

  /// Callbacks in their order, then the module.
  template <typename... P, typename... A>
  void both(Hook hook, void (Callback::*of_callback)(Trainer&, LightningModule&, P...),
            void (LightningModule::*of_module)(P...), A&&... arguments) {
    callbacks(hook, of_callback, arguments...);
    const Scope scope(trainer_, Owner::module, hook);
    (trainer_.module().*of_module)(arguments...);
  }

 private:
  enum class Owner { module, data_module, callbacks };

  /// While it is alive, the Trainer is in that hook: for log(), for the trace, and for the
  /// profiler.
  class Scope {
   public:
    Scope(Trainer& trainer, Owner owner, Hook hook)
        : trainer_(trainer),
          before_(trainer.hook_),
          timed_(trainer.profiler_ == nullptr || owner == Owner::callbacks
                     ? Profiler::Scope()
                     : Profiler::Scope(trainer.profiler_.get(), action(trainer, owner, hook))) {
      trainer.hook_ = hook;
      if (trainer.options_.trace_hooks) trace(owner, hook);
    }
    ~Scope() { trainer_.hook_ = before_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Trainer& trainer_;
    Hook before_;
    Profiler::Scope timed_;
  };

  static void trace(Owner owner, Hook hook);
  /// Lightning's names: "[LightningModule]LitClassifier.optimizer_step",
  /// "[Strategy]SingleDeviceStrategy.training_step", "[Callback]EarlyStopping.on_train_end".
  static std::string action(const Trainer& trainer, Owner owner, Hook hook);
  Profiler::Scope timed_callback(const Callback& callback, Hook hook) const;

  Trainer& trainer_;
};

}  // namespace lit
