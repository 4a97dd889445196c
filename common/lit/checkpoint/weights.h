// Weights out of a checkpoint, in a run or without one.
#pragma once

#include <torch/nn/module.h>

#include "serialize/value.h"

namespace lit {

/// Copies the weights in `state` into a module; see LightningModule::strict_loading.
void load_weights(torch::nn::Module& module, const course::Dict& state, bool strict);

}  // namespace lit
