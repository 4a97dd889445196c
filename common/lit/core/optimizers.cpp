// What a training_step that optimizes by hand works with.
#include "lit/core/optimizers.h"

#include <torch/optim/optimizer.h>

namespace lit {

void drop_gradients(torch::optim::Optimizer& optimizer) {
  for (auto& group : optimizer.param_groups()) {
    for (torch::Tensor& parameter : group.params()) parameter.mutable_grad() = torch::Tensor();
  }
}

void LightningOptimizer::step(const Closure& closure) {
  if (stepper_ == nullptr) {
    optimizer_->step(closure);
  } else {
    stepper_->step(*this, closure);
  }
}

}  // namespace lit
