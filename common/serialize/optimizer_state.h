// An optimizer's state as a dict with Python's layout, and back.
#pragma once

#include <torch/optim/optimizer.h>

#include "serialize/value.h"

namespace course {

/// What Python's Optimizer.state_dict() gives: {"state": {0: {"step": …, "exp_avg": …}, …},
/// "param_groups": [{"lr": …, …, "params": [0, 1, …]}, …]}, with parameters numbered through all
/// groups, each once however often a group lists it. Adam, AdamW, SGD, RMSprop and Adagrad, and
/// optimizers derived from them. The tensors are detached, but they are the optimizer's.
/// @throws Error for an optimizer of another kind
Dict optimizer_state_dict(const torch::optim::Optimizer& optimizer);

/// The reverse: options of the groups (learning rates among them) and state, on the device of each
/// parameter. Everything is compared first: when this throws, the optimizer is as it was.
/// @throws Error if groups, parameters or shapes are others, or for an optimizer of another kind
void load_optimizer_state_dict(torch::optim::Optimizer& optimizer, const Dict& state);

}  // namespace course
