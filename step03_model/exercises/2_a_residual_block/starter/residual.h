// A tower of residual blocks.
#pragma once

#include <torch/torch.h>

/// x + second(relu(first(x))): [N, width] -> [N, width] (He et al., Deep Residual Learning, 2015).
struct ResidualImpl : torch::nn::Module {
  explicit ResidualImpl(int64_t width) { (void)width; }  // TODO(1): first, second

  torch::Tensor forward(const torch::Tensor& x) {
    return torch::zeros_like(x);  // TODO(1)
  }

  torch::nn::Linear first{nullptr}, second{nullptr};
};
TORCH_MODULE(Residual);

/// So many blocks, one after the other: [N, width] -> [N, width].
struct TowerImpl : torch::nn::Module {
  TowerImpl(int64_t width, int64_t count) { (void)width, (void)count; }  // TODO(2): blocks

  torch::Tensor forward(torch::Tensor x) {
    return x;  // TODO(3)
  }

  torch::nn::ModuleList blocks{nullptr};
};
TORCH_MODULE(Tower);
