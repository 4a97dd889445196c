// Adam, AdamW and SGD in one pass over memory.
#pragma once

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

namespace lit {

// torch::optim's with a faster step(): the same constructors, options, parameter groups and state,
// so that schedulers, checkpoints and dynamic_cast<torch::optim::Adam*> know no difference.
//
// Parameters on the CPU in float32, dense and contiguous, are updated in one pass over memory, by
// vectors, by several threads where a tensor is large. All others (accelerators, other dtypes and
// layouts) by libtorch's foreach functions: a few calls for all parameters, instead of ten for
// each. Results are those of torch::optim up to the rounding of single operations; moments that
// would be denormal are 0. A sparse gradient is refused, as there.

/// torch::optim::Adam. (Kingma and Ba 2015, arxiv.org/abs/1412.6980)
class Adam : public torch::optim::Adam {
 public:
  using torch::optim::Adam::Adam;
  torch::Tensor step(LossClosure closure = nullptr) override;
};

/// torch::optim::AdamW. (Loshchilov and Hutter 2019, arxiv.org/abs/1711.05101)
class AdamW : public torch::optim::AdamW {
 public:
  using torch::optim::AdamW::AdamW;
  torch::Tensor step(LossClosure closure = nullptr) override;
};

/// torch::optim::SGD, with momentum, dampening, Nesterov's form and weight decay.
class SGD : public torch::optim::SGD {
 public:
  using torch::optim::SGD::SGD;
  torch::Tensor step(LossClosure closure = nullptr) override;
};

}  // namespace lit
