// An experiment with a seed.
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "data/permutation.h"

/// A model, and the orders in which it sees the samples: all of it a function of the seed.
class Experiment {
 public:
  explicit Experiment(uint64_t seed) : seed_(seed), model_(make_model(seed)) {}

  /// The order of n samples in an epoch, [n] int64: the same whenever it is asked for. No other
  /// random number moves by it.
  torch::Tensor order(int64_t epoch, int64_t n) { return course::permutation(seed_, epoch, n); }

  torch::nn::Linear& model() { return model_; }

 private:
  static torch::nn::Linear make_model(uint64_t seed) {
    torch::manual_seed(seed);  // before the weights are drawn
    return torch::nn::Linear(4, 2);
  }

  uint64_t seed_;
  torch::nn::Linear model_;
};
