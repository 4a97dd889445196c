// The callbacks of a Trainer, and those of a run.
#include "lit/run/callback_list.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string>
#include <typeinfo>
#include <unordered_map>

#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/model_summary.h"
#include "lit/callbacks/progress_bar.h"
#include "lit/callbacks/timer.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {
namespace {

// Those that write checkpoints run last. Two that have state need two keys to keep it under.
void put_in_order(Callbacks& callbacks) {
  std::stable_partition(callbacks.begin(), callbacks.end(),
                        [](const auto& one) { return !one->is_checkpoint(); });
  std::unordered_map<std::string, std::vector<const Callback*>> by_key;
  for (const auto& one : callbacks) by_key[one->state_key()].push_back(one.get());
  for (const auto& [key, all] : by_key) {
    if (all.size() < 2) continue;  // nobody is asked for a state in vain
    const auto with_state = std::count_if(
        all.begin(), all.end(), [](const Callback* one) { return one->state_dict().size() > 0; });
    if (with_state < 2) continue;
    throw Error(
        fmt::format("two callbacks have the state_key {}; give one of them another, "
                    "since a checkpoint keeps their states under it",
                    key));
  }
}

}  // namespace

Callbacks callbacks_for(const TrainerOptions& options) {
  Callbacks callbacks = options.callbacks;
  if (options.max_time) callbacks.push_back(callback<Timer>({.duration = *options.max_time}));
  const auto bars = std::count_if(callbacks.begin(), callbacks.end(), [](const auto& one) {
    return std::dynamic_pointer_cast<ProgressBar>(one) != nullptr;
  });
  if (bars > 1 || (bars > 0 && !options.enable_progress_bar)) {
    throw Error(bars > 1 ? "callbacks has more than one progress bar; keep one"
                         : "enable_progress_bar is false, but callbacks has a progress bar; take "
                           "one of them back");
  }
  if (options.enable_progress_bar && bars == 0) callbacks.push_back(callback<ProgressBar>());
  if (options.enable_model_summary && find<ModelSummary>(callbacks) == nullptr) {
    callbacks.push_back(callback<ModelSummary>());
  }
  if (find<ModelCheckpoint>(callbacks) != nullptr && !options.enable_checkpointing) {
    throw Error(
        "enable_checkpointing is false, but callbacks has a ModelCheckpoint; take one of them "
        "back");
  }
  const bool keeps = std::any_of(callbacks.begin(), callbacks.end(),
                                 [](const auto& one) { return one->is_checkpoint(); });
  if (options.enable_checkpointing && !keeps) callbacks.push_back(callback<ModelCheckpoint>());
  put_in_order(callbacks);
  return callbacks;
}

Callbacks with_those_of_module(const Callbacks& own, const Callbacks& of_module) {
  Callbacks callbacks = own;
  for (const auto& one : of_module) {
    if (one == nullptr) throw Error("configure_callbacks() returned a callback that is null");
    const auto same = [&](const auto& other) {
      const Callback& a = *one;
      const Callback& b = *other;
      return typeid(a) == typeid(b);
    };
    const auto replaced = std::remove_if(callbacks.begin(), callbacks.end(), same);
    if (replaced != callbacks.end()) {
      info(fmt::format("the module's {} takes the place of the Trainer's", class_name(*one)));
      callbacks.erase(replaced, callbacks.end());
    }
  }
  callbacks.insert(callbacks.end(), of_module.begin(), of_module.end());
  put_in_order(callbacks);
  return callbacks;
}

}  // namespace lit
