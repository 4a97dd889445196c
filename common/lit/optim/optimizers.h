// Adam, AdamW and SGD in one pass over memory.
#pragma once

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <optional>
#include <utility>
#include <vector>

namespace lit {

namespace detail {

using ParamGroups = std::vector<torch::optim::OptimizerParamGroup>;

/// The groups with each parameter once. @throws Error if two groups have the same one
ParamGroups each_once(ParamGroups groups);

/// One of torch::optim's classes, which takes each parameter once: libtorch's parameters() lists
/// tied weights under each of their names, and torch::optim's own classes then step them twice.
template <typename Base, typename Options>
class EachOnce : public Base {
 public:
  /// @throws Error if two groups have the same parameter
  explicit EachOnce(ParamGroups groups, Options defaults = {})
      : Base(each_once(std::move(groups)), std::move(defaults)) {}
  explicit EachOnce(std::vector<torch::Tensor> parameters, Options defaults = {})
      : EachOnce(ParamGroups{std::move(parameters)}, std::move(defaults)) {}

  /// @throws Error if another group has one of its parameters; then nothing has changed
  void add_param_group(const torch::optim::OptimizerParamGroup& group) {
    ParamGroups groups = this->param_groups();
    groups.push_back(group);
    Base::add_param_group(each_once(std::move(groups)).back());
  }

  /// Python's `fused`: whether libtorch's fused kernel steps the parameters, one for all of them.
  /// none: on CUDA, where it has four million elements or more to step; smaller models gain nothing
  /// by it. true: on the CPU, too; step() throws where this libtorch has none.
  void fused(std::optional<bool> fused) { fused_ = fused; }
  std::optional<bool> fused() const { return fused_; }

 private:
  std::optional<bool> fused_;
};

}  // namespace detail

// torch::optim's with a faster step(): the same constructors, options, parameter groups and state,
// so that schedulers, checkpoints and dynamic_cast<torch::optim::Adam*> know no difference. As in
// Python, a parameter is stepped once, and is in one group only.
//
// Parameters on the CPU in float32, dense and contiguous, are updated in one pass over memory, by
// vectors, by several threads where a tensor is large. Many on CUDA are by libtorch's fused
// kernels, all others (accelerators, other dtypes and layouts) by its foreach functions: a few
// calls for all parameters, instead of ten for each. Results are those of torch::optim up to the
// rounding of single operations; moments that would be denormal are 0. A sparse gradient is
// refused, as there.

/// torch::optim::Adam. (Kingma and Ba 2015, arxiv.org/abs/1412.6980)
class Adam : public detail::EachOnce<torch::optim::Adam, torch::optim::AdamOptions> {
 public:
  using EachOnce::EachOnce;
  torch::Tensor step(LossClosure closure = nullptr) override;
};

/// torch::optim::AdamW. (Loshchilov and Hutter 2019, arxiv.org/abs/1711.05101)
class AdamW : public detail::EachOnce<torch::optim::AdamW, torch::optim::AdamWOptions> {
 public:
  using EachOnce::EachOnce;
  torch::Tensor step(LossClosure closure = nullptr) override;
};

/// torch::optim::SGD, with momentum, dampening, Nesterov's form and weight decay.
class SGD : public detail::EachOnce<torch::optim::SGD, torch::optim::SGDOptions> {
 public:
  using EachOnce::EachOnce;
  torch::Tensor step(LossClosure closure = nullptr) override;
};

}  // namespace lit
