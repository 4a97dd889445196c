// The hooks that are more than a pair.
#include "lit/loops/hook_calls.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/strategies/strategy.h"

namespace lit {
namespace {

// What Lightning's loops ask the strategy for, which asks the module.
bool is_the_strategys(Hook hook) {
  switch (hook) {
    case Hook::training_step:
    case Hook::validation_step:
    case Hook::test_step:
    case Hook::predict_step:
    case Hook::backward:
      return true;
    default:
      return false;
  }
}

}  // namespace

void HookCalls::trace(Owner owner, Hook hook) {
  const char* name = owner == Owner::module ? "lm" : owner == Owner::data_module ? "dm" : "cb";
  info(fmt::format("{}.{}", name, name_of(hook)));
}

std::string HookCalls::action(const Trainer& trainer, Owner owner, Hook hook) {
  if (owner == Owner::data_module) {
    return fmt::format("[LightningDataModule]{}.{}", class_name(*trainer.data_.data_module()),
                       name_of(hook));
  }
  if (is_the_strategys(hook)) {
    return fmt::format("[Strategy]{}.{}", class_name(trainer.strategy()), name_of(hook));
  }
  return fmt::format("[LightningModule]{}.{}", class_name(trainer.module()), name_of(hook));
}

Profiler::Scope HookCalls::timed_callback(const Callback& callback, Hook hook) const {
  if (trainer_.profiler_ == nullptr) return {};
  return {trainer_.profiler_.get(),
          fmt::format("[Callback]{}.{}", callback.state_key(), name_of(hook))};
}

void HookCalls::on_train_epoch_end() {
  LightningModule& module = trainer_.module();
  const auto run = [&](bool monitors) {
    const Scope scope(trainer_, Owner::callbacks, Hook::on_train_epoch_end);
    for (const auto& callback : trainer_.callbacks_) {
      if (callback->is_monitor() != monitors) continue;
      const Profiler::Scope timed = timed_callback(*callback, Hook::on_train_epoch_end);
      callback->on_train_epoch_end(trainer_, module);
    }
  };
  const auto has = [&](bool monitors) {
    return std::any_of(trainer_.callbacks_.begin(), trainer_.callbacks_.end(),
                       [&](const auto& callback) { return callback->is_monitor() == monitors; });
  };
  if (has(false)) run(false);
  {
    const Scope scope(trainer_, Owner::module, Hook::on_train_epoch_end);
    module.on_train_epoch_end();
  }
  if (has(true)) run(true);
}

void HookCalls::on_exception(const std::exception& error) {
  {
    const Scope scope(trainer_, Owner::callbacks, Hook::on_exception);
    for (const auto& callback : trainer_.callbacks_) {
      const Profiler::Scope timed = timed_callback(*callback, Hook::on_exception);
      only_warn(callback->state_key(),
                [&] { callback->on_exception(trainer_, trainer_.module(), error); });
    }
  }
  if (trainer_.data_.data_module() == nullptr) return;
  data_module(Hook::on_exception, [&](LightningDataModule& data) {
    only_warn(class_name(data), [&] { data.on_exception(error); });
  });
}

int HookCalls::on_train_batch_start(const Batch& batch, int64_t batch_idx) {
  callbacks(Hook::on_train_batch_start, &Callback::on_train_batch_start, batch, batch_idx);
  const Scope scope(trainer_, Owner::module, Hook::on_train_batch_start);
  return trainer_.module().on_train_batch_start(batch, batch_idx);
}

}  // namespace lit
