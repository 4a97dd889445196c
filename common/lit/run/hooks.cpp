// The hooks that are more than a pair.
#include "lit/run/hooks.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "lit/core/messages.h"
#include "lit/core/names.h"

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

void Hooks::trace(Owner owner, Hook hook) {
  const char* name = owner == Owner::module ? "lm" : owner == Owner::data_module ? "dm" : "cb";
  info(fmt::format("{}.{}", name, name_of(hook)));
}

std::string Hooks::action(Owner owner, Hook hook) const {
  if (owner == Owner::data_module) {
    return fmt::format("[LightningDataModule]{}.{}", class_name(*owners_.data.data_module()),
                       name_of(hook));
  }
  if (is_the_strategys(hook)) {
    return fmt::format("[Strategy]{}.{}", class_name(strategy_), name_of(hook));
  }
  return fmt::format("[LightningModule]{}.{}", class_name(the_module()), name_of(hook));
}

Profiler::Scope Hooks::timed_callback(const Callback& callback, Hook hook) const {
  if (profiler_ == nullptr) return {};
  return {profiler_, fmt::format("[Callback]{}.{}", callback.state_key(), name_of(hook))};
}

Profiler::Scope Hooks::timed_strategy(const char* action) const {
  if (profiler_ == nullptr) return {};
  return {profiler_, fmt::format("[Strategy]{}.{}", class_name(strategy_), action)};
}

void Hooks::on_train_epoch_end() {
  const auto run = [&](bool monitors) {
    const Scope scope(*this, Owner::callbacks, Hook::on_train_epoch_end);
    for (const auto& callback : owners_.callbacks) {
      if (callback->is_monitor() != monitors) continue;
      const Profiler::Scope timed = timed_callback(*callback, Hook::on_train_epoch_end);
      callback->on_train_epoch_end(trainer_, the_module());
    }
  };
  const auto has = [&](bool monitors) {
    return std::any_of(owners_.callbacks.begin(), owners_.callbacks.end(),
                       [&](const auto& callback) { return callback->is_monitor() == monitors; });
  };
  if (has(false)) run(false);
  module(Hook::on_train_epoch_end, [](LightningModule& module) { module.on_train_epoch_end(); });
  if (has(true)) run(true);
}

void Hooks::on_exception(const std::exception& error) {
  {
    const Scope scope(*this, Owner::callbacks, Hook::on_exception);
    for (const auto& callback : owners_.callbacks) {
      const Profiler::Scope timed = timed_callback(*callback, Hook::on_exception);
      only_warn(callback->state_key(),
                [&] { callback->on_exception(trainer_, the_module(), error); });
    }
  }
  if (owners_.data.data_module() == nullptr) return;
  data_module(Hook::on_exception, [&](LightningDataModule& data) {
    only_warn(class_name(data), [&] { data.on_exception(error); });
  });
}

int Hooks::on_train_batch_start(const Batch& batch, int64_t batch_idx) {
  callbacks(Hook::on_train_batch_start, &Callback::on_train_batch_start, batch, batch_idx);
  return module(Hook::on_train_batch_start, [&](LightningModule& module) {
    return module.on_train_batch_start(batch, batch_idx);
  });
}

}  // namespace lit
