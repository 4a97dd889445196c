// One step of gradient descent, by hand.
#pragma once

#include <torch/torch.h>

/// Moves every parameter of the model against its gradient of the loss, which is a tensor without
/// dimensions, and leaves no gradients. Returns the loss.
inline double take_step(torch::nn::Module& model, const torch::Tensor& loss, double learning_rate) {
  (void)model, (void)loss, (void)learning_rate;
  // TODO(1): the gradients, and a move against each
  // TODO(2): which is not written down
  // TODO(3): and no gradients left
  return 0;
}
