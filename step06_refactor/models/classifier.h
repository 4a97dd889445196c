// What training and evaluation need to know of a model, whatever is inside.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>

// region classifier
struct Classifier : torch::nn::Module {
  /// images [N, 1, 28, 28] -> scores [N, 10]
  virtual torch::Tensor forward(const torch::Tensor& images) = 0;
};
// endregion

/// A new model by its name. @throws course::UsageError that lists the names
std::shared_ptr<Classifier> create_model(const std::string& name);
