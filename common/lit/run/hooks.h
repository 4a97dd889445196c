// One function for each hook: it runs the callbacks' in their order, and then the module's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit/core/data_module.h"
#include "lit/core/module.h"
#include "lit/profilers/profiler.h"
#include "lit/run/moment.h"
#include "lit/strategies/strategy.h"

namespace lit {

/// Whose hooks a run calls.
struct Owners {
  ModuleRef module;
  DataModuleRef data;
  std::vector<std::shared_ptr<Callback>> callbacks;  ///< in the order in which they are called
};

class Hooks {
 public:
  /// @param trainer  what callbacks' hooks are given
  /// @param trace    tell of every hook, by info()
  Hooks(Trainer& trainer, const Owners& owners, Moment& moment, const Strategy& strategy,
        Profiler* profiler, bool trace)
      : trainer_(trainer),
        owners_(owners),
        moment_(moment),
        strategy_(strategy),
        profiler_(profiler),
        trace_(trace) {}

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

  /// The module alone: anything that it does for the run under a hook's name.
  template <typename Function>
  decltype(auto) module(Hook hook, Function&& function) {
    const Scope scope(*this, Owner::module, hook);
    return function(the_module());
  }
  /// The data module alone.
  template <typename Function>
  decltype(auto) data_module(Hook hook, Function&& function) {
    const Scope scope(*this, Owner::data_module, hook);
    return function(*owners_.data.data_module());
  }

  /// Callbacks in their order.
  template <typename... P, typename... A>
  void callbacks(Hook hook, void (Callback::*method)(Trainer&, LightningModule&, P...),
                 A&&... arguments) {
    const Scope scope(*this, Owner::callbacks, hook);
    for (const auto& callback : owners_.callbacks) {
      const auto& known = callback->overridden_hooks();
      if (profiler_ == nullptr && known && !known->has(hook)) continue;  // it does nothing
      const Profiler::Scope timed = timed_callback(*callback, hook);
      ((*callback).*method)(trainer_, the_module(), arguments...);
    }
  }

  /// Callbacks in their order, then the module.
  template <typename... P, typename... A>
  void both(Hook hook, void (Callback::*of_callback)(Trainer&, LightningModule&, P...),
            void (LightningModule::*of_module)(P...), A&&... arguments) {
    callbacks(hook, of_callback, arguments...);
    const Scope scope(*this, Owner::module, hook);
    (the_module().*of_module)(arguments...);
  }

  /// Does the data module, or the module, have this one? The data module's comes first.
  bool of_data_module(Hook hook) const {
    return owners_.data.data_module() != nullptr && owners_.data.hooks().has(hook);
  }
  bool of_module(Hook hook) const { return owners_.module.hooks().has(hook); }
  const HookSet& of_module() const { return owners_.module.hooks(); }

  LightningModule& the_module() const { return *owners_.module.module(); }

  /// A part of a loop that is no hook, for the profiler.
  Profiler::Scope timed(const char* action) const {
    return profiler_ == nullptr ? Profiler::Scope() : Profiler::Scope(profiler_, action);
  }
  /// Of the strategy: "[Strategy]SingleDeviceStrategy.batch_to_device".
  Profiler::Scope timed_strategy(const char* action) const;
  /// A batch is over.
  void profiler_step() const {
    if (profiler_ != nullptr) profiler_->step();
  }

 private:
  enum class Owner { module, data_module, callbacks };

  /// While it is alive, the run is in that hook: for log(), for the trace, and for the profiler.
  class Scope {
   public:
    Scope(Hooks& hooks, Owner owner, Hook hook)
        : during_(hooks.moment_.hook, hook),
          timed_(hooks.profiler_ == nullptr || owner == Owner::callbacks
                     ? Profiler::Scope()
                     : Profiler::Scope(hooks.profiler_, hooks.action(owner, hook))) {
      if (hooks.trace_) trace(owner, hook);
    }

   private:
    During<Hook> during_;
    Profiler::Scope timed_;
  };

  static void trace(Owner owner, Hook hook);
  /// Lightning's names: "[LightningModule]LitClassifier.optimizer_step",
  /// "[Strategy]SingleDeviceStrategy.training_step", "[Callback]EarlyStopping.on_train_end".
  std::string action(Owner owner, Hook hook) const;
  Profiler::Scope timed_callback(const Callback& callback, Hook hook) const;

  Trainer& trainer_;
  const Owners& owners_;
  Moment& moment_;
  const Strategy& strategy_;
  Profiler* profiler_;
  bool trace_;
};

}  // namespace lit
