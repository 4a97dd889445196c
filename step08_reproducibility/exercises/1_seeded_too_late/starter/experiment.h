// An experiment with a seed, and three mistakes.
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "data/permutation.h"

/// A model, and the orders in which it sees the samples: all of it a function of the seed.
class Experiment {
 public:
  explicit Experiment(uint64_t seed) : model_(4, 2) { torch::manual_seed(seed); }

  /// The order of n samples in an epoch, [n] int64: the same whenever it is asked for. No other
  /// random number moves by it.
  torch::Tensor order(int64_t epoch, int64_t n) {
    (void)epoch;
    return torch::randperm(n, torch::kInt64);
  }

  torch::nn::Linear& model() { return model_; }

 private:
  torch::nn::Linear model_;
};
