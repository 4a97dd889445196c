// A network without mistakes.
#pragma once

#include <torch/torch.h>

/// 16 numbers -> 8 features -> 8 features -> 3 scores: [N, 16] -> [N, 3].
struct NetImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x) {
    torch::Tensor features = torch::relu(second(torch::relu(first(x))));
    features = torch::nn::functional::dropout(
        features, torch::nn::functional::DropoutFuncOptions().p(0.5).training(is_training()));
    return output(features);
  }

  torch::nn::Linear first{register_module("first", torch::nn::Linear(16, 8))};
  torch::nn::Linear second{register_module("second", torch::nn::Linear(8, 8))};
  torch::nn::Linear output{register_module("output", torch::nn::Linear(8, 3))};
};
TORCH_MODULE(Net);
