// An optimizer as the Trainer hands it out.
#include "lit/core/optimizers.h"

#include "lit/trainer/trainer.h"

namespace lit {

void LightningOptimizer::step(Closure closure) {
  trainer_->step_optimizer(*this, closure);
}

void drop_gradients(torch::optim::Optimizer& optimizer) {
  for (auto& group : optimizer.param_groups()) {
    for (torch::Tensor& parameter : group.params()) parameter.mutable_grad() = torch::Tensor();
  }
}

}  // namespace lit
