// What an optimizer's parameter groups are set to, whichever class the optimizer is of.
#include "lit/optim/param_groups.h"

#include <torch/torch.h>

#include "lit/error.h"

namespace lit {
namespace {

// Runs `function` on the options of the group if they are of one of these classes.
template <typename... Options, typename Group, typename Function>
bool with_options(Group& group, Function&& function) {
  const auto attempt = [&]<typename O>(std::type_identity<O>) {
    const auto* options = dynamic_cast<const O*>(&group.options());
    if (options == nullptr) return false;
    function(const_cast<O&>(*options));
    return true;
  };
  return (attempt(std::type_identity<Options>()) || ...);
}

}  // namespace

std::vector<double> PerGroup::expand(size_t groups, const std::string& name) const {
  if (values_.size() == 1) return std::vector<double>(groups, values_.front());
  if (values_.size() != groups) {
    throw Error(name + " has " + std::to_string(values_.size()) +
                " values, but the optimizer has " + std::to_string(groups) +
                " parameter groups; give one value, or one for each group");
  }
  return values_;
}

std::vector<double> learning_rates(const torch::optim::Optimizer& optimizer) {
  std::vector<double> rates;
  for (const auto& group : optimizer.param_groups()) rates.push_back(group.options().get_lr());
  return rates;
}

void set_learning_rates(torch::optim::Optimizer& optimizer, const std::vector<double>& rates) {
  auto& groups = optimizer.param_groups();
  if (groups.size() != rates.size()) {
    throw Error("the optimizer has " + std::to_string(groups.size()) +
                " parameter groups, but was given " + std::to_string(rates.size()) +
                " learning rates; give one for each");
  }
  for (size_t i = 0; i < rates.size(); ++i) groups[i].options().set_lr(rates[i]);
}

std::optional<double> momentum(const torch::optim::OptimizerParamGroup& group) {
  using namespace torch::optim;
  std::optional<double> found;
  with_options<SGDOptions, RMSpropOptions>(group, [&](auto& o) { found = o.momentum(); }) ||
      with_options<AdamOptions, AdamWOptions>(group,
                                              [&](auto& o) { found = std::get<0>(o.betas()); });
  return found;
}

void set_momentum(torch::optim::OptimizerParamGroup& group, double momentum) {
  using namespace torch::optim;
  const bool done =
      with_options<SGDOptions, RMSpropOptions>(group, [&](auto& o) { o.momentum(momentum); }) ||
      with_options<AdamOptions, AdamWOptions>(
          group, [&](auto& o) { o.betas(std::make_tuple(momentum, std::get<1>(o.betas()))); });
  if (!done) throw Error("an optimizer without momentum was given one; use SGD, RMSprop or Adam");
}

std::optional<double> weight_decay(const torch::optim::OptimizerParamGroup& group) {
  using namespace torch::optim;
  std::optional<double> found;
  with_options<SGDOptions, RMSpropOptions, AdamOptions, AdamWOptions, AdagradOptions>(
      group, [&](auto& o) { found = o.weight_decay(); });
  return found;
}

}  // namespace lit
