// Two convolutions in front of the hidden layer.
#pragma once

#include "models/classifier.h"

// region cnn
// Two convolutions look at 3 x 3 neighbours, each followed by a halving of height and width:
// [1, 28, 28] -> [C, 14, 14] -> [2C, 7, 7]; then one hidden layer.
struct Cnn : Classifier {
  explicit Cnn(const Config::Model& config)
      : conv1(register_module("conv1", conv(1, config.channels))),
        conv2(register_module("conv2", conv(config.channels, 2 * config.channels))),
        hidden(register_module("hidden",
                               torch::nn::Linear(2 * config.channels * 7 * 7, config.hidden))),
        dropout(register_module("dropout", torch::nn::Dropout(config.dropout))),
        output(register_module("output", torch::nn::Linear(config.hidden, 10))) {}

  torch::Tensor forward(const torch::Tensor& images) override {
    torch::Tensor features = torch::max_pool2d(torch::relu(conv1(images)), 2);
    features = torch::max_pool2d(torch::relu(conv2(features)), 2);
    features = torch::relu(hidden(features.flatten(1)));
    return output(dropout(features));
  }

  static torch::nn::Conv2d conv(int64_t in, int64_t out) {
    return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).padding(1));
  }

  torch::nn::Conv2d conv1, conv2;
  torch::nn::Linear hidden;
  torch::nn::Dropout dropout;
  torch::nn::Linear output;
};
// endregion
