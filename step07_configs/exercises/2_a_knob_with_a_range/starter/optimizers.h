// An optimizer from a config.
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

struct OptimizerConfig {
  std::string optimizer = "sgd";
  double learning_rate = 0.1;
  double momentum = 0;
  double weight_decay = 0;
};

/// The optimizer that the config names. @throws std::invalid_argument for an unknown name, and for
/// a learning rate that is not above 0 and finite
inline std::unique_ptr<torch::optim::Optimizer> make_optimizer(
    std::vector<torch::Tensor> parameters, const OptimizerConfig& config) {
  (void)config;  // TODO(1), TODO(2), TODO(3)
  return std::make_unique<torch::optim::SGD>(parameters, torch::optim::SGDOptions(1));
}
