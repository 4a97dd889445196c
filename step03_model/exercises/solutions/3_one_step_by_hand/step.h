// One step of gradient descent, by hand.
#pragma once

#include <torch/torch.h>

/// Moves every parameter of the model against its gradient of the loss, which is a tensor without
/// dimensions, and leaves no gradients. Returns the loss.
inline double take_step(torch::nn::Module& model, const torch::Tensor& loss, double learning_rate) {
  loss.backward();
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : model.parameters()) {
    if (!parameter.grad().defined()) continue;
    parameter.sub_(learning_rate * parameter.grad());
    parameter.mutable_grad().reset();
  }
  return loss.item<double>();
}
