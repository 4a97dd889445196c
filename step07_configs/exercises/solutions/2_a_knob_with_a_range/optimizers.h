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
  const double rate = config.learning_rate;
  if (!(rate > 0) || !std::isfinite(rate)) {
    throw std::invalid_argument("learning_rate must be above 0 and finite, but it is " +
                                std::to_string(rate));
  }
  if (config.optimizer == "sgd") {
    return std::make_unique<torch::optim::SGD>(
        parameters,
        torch::optim::SGDOptions(rate).momentum(config.momentum).weight_decay(config.weight_decay));
  }
  if (config.optimizer == "adam") {
    return std::make_unique<torch::optim::Adam>(
        parameters, torch::optim::AdamOptions(rate).weight_decay(config.weight_decay));
  }
  throw std::invalid_argument("optimizer must be sgd or adam, but it is '" + config.optimizer +
                              "'");
}
