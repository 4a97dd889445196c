// What a training_step that optimizes by hand works with.
#include "lit/core/optimizers.h"

namespace lit {

void drop_gradients(torch::optim::Optimizer& optimizer) {
  for (auto& group : optimizer.param_groups()) {
    for (torch::Tensor& parameter : group.params()) parameter.mutable_grad() = torch::Tensor();
  }
}

}  // namespace lit
