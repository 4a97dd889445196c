// What training and evaluation need to know of a model, whatever is inside.
#pragma once

#include <torch/torch.h>

#include <memory>

#include "config.h"

// region classifier
struct Classifier : torch::nn::Module {
  /// images [N, 1, 28, 28] -> scores [N, 10]
  virtual torch::Tensor forward(const torch::Tensor& images) = 0;
};

/// The new model that the config describes. @throws course::UsageError that lists the names
std::shared_ptr<Classifier> create_model(const Config::Model& config);
// endregion
