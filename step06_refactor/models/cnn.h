// Two convolutions in front of the hidden layer.
#pragma once

#include "models/classifier.h"

// region cnn
// Two convolutions look at 3 x 3 neighbours, each followed by a halving of height and width:
// [1, 28, 28] -> [16, 14, 14] -> [32, 7, 7]; then one hidden layer.
struct Cnn : Classifier {
  torch::Tensor forward(const torch::Tensor& images) override {
    torch::Tensor features = torch::max_pool2d(torch::relu(conv1(images)), 2);
    features = torch::max_pool2d(torch::relu(conv2(features)), 2);
    features = torch::relu(hidden(features.flatten(1)));
    return output(dropout(features));
  }

  static torch::nn::Conv2d conv(int64_t in, int64_t out) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).padding(1));
  }

  torch::nn::Conv2d conv1{register_module("conv1", conv(1, 16))};
  torch::nn::Conv2d conv2{register_module("conv2", conv(16, 32))};
  torch::nn::Linear hidden{register_module("hidden", torch::nn::Linear(32 * 7 * 7, 128))};
  torch::nn::Dropout dropout{register_module("dropout", torch::nn::Dropout(0.2))};
  torch::nn::Linear output{register_module("output", torch::nn::Linear(128, 10))};
};
// endregion
