// One hidden layer, as before.
#pragma once

#include "models/classifier.h"

// region net
// One hidden layer: 784 pixels -> 128 features -> 10 scores. A child is a member that was
// registered.
struct Mlp : Classifier {
  torch::Tensor forward(const torch::Tensor& images) override {
    const torch::Tensor features = torch::relu(hidden(images.flatten(1)));
    return output(dropout(features));
  }

  torch::nn::Linear hidden{register_module("hidden", torch::nn::Linear(28 * 28, 128))};
  torch::nn::Dropout dropout{register_module("dropout", torch::nn::Dropout(0.2))};
  torch::nn::Linear output{register_module("output", torch::nn::Linear(128, 10))};
};
// endregion
