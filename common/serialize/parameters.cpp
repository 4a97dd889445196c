// A module's parameters, buffers and parts, and an optimizer's parameters: each once.
#include "serialize/parameters.h"

#include <utility>

#include "error.h"

namespace course {
namespace {

using Modules = std::vector<std::shared_ptr<torch::nn::Module>>;

using course::identity;
const void* identity(const std::shared_ptr<torch::nn::Module>& module) {
  return module.get();
}

template <typename Item>
std::vector<Item> first_of_each(const std::vector<Item>& items) {
  std::vector<Item> kept;
  std::unordered_set<const void*> seen;
  for (const Item& item : items) {
    if (seen.insert(identity(item)).second) kept.push_back(item);
  }
  return kept;
}

template <typename Item>
torch::OrderedDict<std::string, Item> first_of_each(
    const torch::OrderedDict<std::string, Item>& items) {
  torch::OrderedDict<std::string, Item> kept;
  std::unordered_set<const void*> seen;
  for (const auto& item : items) {
    if (seen.insert(identity(item.value())).second) kept.insert(item.key(), item.value());
  }
  return kept;
}

}  // namespace

NamedTensors named_parameters(const torch::nn::Module& module, bool recurse) {
  return first_of_each(module.named_parameters(recurse));
}
std::vector<torch::Tensor> parameters(const torch::nn::Module& module, bool recurse) {
  return first_of_each(module.parameters(recurse));
}
NamedTensors named_buffers(const torch::nn::Module& module, bool recurse) {
  return first_of_each(module.named_buffers(recurse));
}
std::vector<torch::Tensor> buffers(const torch::nn::Module& module, bool recurse) {
  return first_of_each(module.buffers(recurse));
}
NamedModules named_modules(const torch::nn::Module& module, const std::string& prefix,
                           bool include_self) {
  return first_of_each(module.named_modules(prefix, include_self));
}
Modules modules(const torch::nn::Module& module, bool include_self) {
  return first_of_each(module.modules(include_self));
}
NamedModules named_children(const torch::nn::Module& module) {
  return first_of_each(module.named_children());
}

std::vector<torch::Tensor> parameters(const torch::optim::Optimizer& optimizer) {
  std::vector<torch::Tensor> all;
  for (const auto& group : optimizer.param_groups()) {
    all.insert(all.end(), group.params().begin(), group.params().end());
  }
  return each_once(all);
}

std::vector<torch::Tensor> each_once(const std::vector<torch::Tensor>& tensors) {
  return first_of_each(tensors);
}

void take_each_once(std::vector<torch::optim::OptimizerParamGroup>& groups) {
  std::vector<std::vector<torch::Tensor>> kept;
  std::unordered_set<const void*> seen;
  for (const auto& group : groups) {
    kept.push_back(each_once(group.params()));
    for (const torch::Tensor& parameter : kept.back()) {
      if (seen.insert(identity(parameter)).second) continue;
      throw Error(
          "some parameters appear in more than one parameter group of an optimizer; give each to "
          "one group only (tied weights are the same parameter under two names)");
    }
  }
  for (size_t i = 0; i < groups.size(); ++i) groups[i].params() = std::move(kept[i]);
}

std::unordered_set<const void*> identities(const std::vector<torch::Tensor>& tensors) {
  std::unordered_set<const void*> all;
  for (const torch::Tensor& tensor : tensors) all.insert(identity(tensor));
  return all;
}

}  // namespace course
