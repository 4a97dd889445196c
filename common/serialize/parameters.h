// A module's parameters, buffers and parts, and an optimizer's parameters: each once.
//
// libtorch lists a tensor or a module under every name that it is registered with. Python lists it
// once, under its first name. With tied weights (one layer under two names) the difference is a
// second step, a second swap, a second count; so whatever walks over parameters takes these lists.
#pragma once

#include <torch/nn/module.h>
#include <torch/optim/optimizer.h>

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

namespace course {

using NamedTensors = torch::OrderedDict<std::string, torch::Tensor>;
using NamedModules = torch::OrderedDict<std::string, std::shared_ptr<torch::nn::Module>>;

/// Each parameter once, under its first name, in Python's order: a module's own, then those of the
/// modules inside of it.
/// @param recurse  false: the module's own only
NamedTensors named_parameters(const torch::nn::Module& module, bool recurse = true);
std::vector<torch::Tensor> parameters(const torch::nn::Module& module, bool recurse = true);
/// Each buffer once, likewise.
NamedTensors named_buffers(const torch::nn::Module& module, bool recurse = true);
std::vector<torch::Tensor> buffers(const torch::nn::Module& module, bool recurse = true);

/// Each module once, under its first name: the module itself, then those inside of it.
/// @param prefix        of all names, which a dot follows
/// @param include_self  the module itself too, which a shared_ptr must hold
NamedModules named_modules(const torch::nn::Module& module, const std::string& prefix = "",
                           bool include_self = true);
std::vector<std::shared_ptr<torch::nn::Module>> modules(const torch::nn::Module& module,
                                                        bool include_self = true);
/// Each of the modules that are registered in this one, once.
NamedModules named_children(const torch::nn::Module& module);

/// Each parameter of an optimizer once, in the order of its groups.
std::vector<torch::Tensor> parameters(const torch::optim::Optimizer& optimizer);

/// Each tensor once, where it is first.
std::vector<torch::Tensor> each_once(const std::vector<torch::Tensor>& tensors);
/// Takes the second and further mentions of a parameter out of its group.
/// @throws Error if a parameter is in two groups, as Python does; then nothing has changed
void take_each_once(std::vector<torch::optim::OptimizerParamGroup>& groups);

/// By which one asks whether a tensor is one of these.
std::unordered_set<const void*> identities(const std::vector<torch::Tensor>& tensors);
inline const void* identity(const torch::Tensor& tensor) {
  return tensor.unsafeGetTensorImpl();
}

}  // namespace course
