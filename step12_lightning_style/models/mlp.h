// One hidden layer, as before.
#pragma once

#include "models/classifier.h"

// region net
// One hidden layer: 784 pixels -> hidden features -> 10 scores. A child is a member that was
// registered.
struct Mlp : Classifier {
  explicit Mlp(const Config::Model& config)
      : hidden(register_module("hidden", torch::nn::Linear(28 * 28, config.hidden))),
        dropout(register_module("dropout", torch::nn::Dropout(config.dropout))),
        output(register_module("output", torch::nn::Linear(config.hidden, 10))) {}

  torch::Tensor forward(const torch::Tensor& images) override {
    const torch::Tensor features = torch::relu(hidden(images.flatten(1)));
    return output(dropout(features));
  }

  torch::nn::Linear hidden;
  torch::nn::Dropout dropout;
  torch::nn::Linear output;
};
// endregion
