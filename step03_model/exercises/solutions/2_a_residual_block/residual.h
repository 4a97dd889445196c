// A tower of residual blocks.
#pragma once

#include <torch/torch.h>

/// x + second(relu(first(x))): [N, width] -> [N, width] (He et al., Deep Residual Learning, 2015).
struct ResidualImpl : torch::nn::Module {
  explicit ResidualImpl(int64_t width)
      : first(register_module("first", torch::nn::Linear(width, width))),
        second(register_module("second", torch::nn::Linear(width, width))) {}

  torch::Tensor forward(const torch::Tensor& x) { return x + second(torch::relu(first(x))); }

  torch::nn::Linear first{nullptr}, second{nullptr};
};
TORCH_MODULE(Residual);

/// So many blocks, one after the other: [N, width] -> [N, width].
struct TowerImpl : torch::nn::Module {
  TowerImpl(int64_t width, int64_t count)
      : blocks(register_module("blocks", torch::nn::ModuleList())) {
    for (int64_t i = 0; i < count; ++i) blocks->push_back(Residual(width));
  }

  torch::Tensor forward(torch::Tensor x) {
    for (const auto& block : *blocks) x = block->as<ResidualImpl>()->forward(x);
    return x;
  }

  torch::nn::ModuleList blocks{nullptr};
};
TORCH_MODULE(Tower);
