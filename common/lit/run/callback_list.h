// The callbacks of a Trainer, and those of a run.
#pragma once

#include <memory>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit/trainer/options.h"

namespace lit {

using Callbacks = std::vector<std::shared_ptr<Callback>>;

/// Those that were given, and those that the options ask for (a bar, a summary, checkpoints, a
/// timer), in the order in which they are called. @throws Error where both contradict each other
Callbacks callbacks_for(const TrainerOptions& options);

/// Those that the module brings come to these; one of the same type takes the place of another.
/// @throws Error for one that is null, or two with state under one key
Callbacks with_those_of_module(const Callbacks& own, const Callbacks& of_module);

/// The first of that type, or nullptr.
template <typename T>
std::shared_ptr<T> find(const Callbacks& callbacks) {
  for (const auto& callback : callbacks) {
    if (auto found = std::dynamic_pointer_cast<T>(callback)) return found;
  }
  return nullptr;
}

}  // namespace lit
