// A module's parameters and buffers as a dict with Python's names, and back.
#pragma once

#include <torch/nn/module.h>

#include <string>

#include "serialize/value.h"

namespace course {

/// Parameters and buffers by name, in the order of Python's Module.state_dict(): a module's own
/// parameters, its own buffers, then its children. The tensors are detached, but they are the
/// module's: what training does to the module later is seen in the dict. cloned() makes a copy.
Dict state_dict(const torch::nn::Module& module);

/// The same tree with tensors of its own.
Value cloned(const Value& value);

/// Copies the tensors of `state` into the module's, on whatever device those are. Everything is
/// compared first: when this throws, the module is as it was. As in Python, a batch norm's
/// num_batches_tracked may be missing, which files of old versions lack: it becomes 0.
/// @throws Error that lists what is missing, what is too much, and what has another shape or dtype
void load_state_dict(torch::nn::Module& module, const Dict& state);
/// Copies those that are in both. @returns what is missing and what is too much: "; missing: …", or
/// ""
/// @throws Error that lists what has another shape or dtype; then the module is as it was
std::string load_matching(torch::nn::Module& module, const Dict& state);

}  // namespace course
