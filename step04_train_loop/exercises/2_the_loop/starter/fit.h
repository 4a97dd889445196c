// A loop that halves the learning rate now and then.
#pragma once

#include <torch/torch.h>

#include <vector>

/// Trains for `epochs` epochs on one batch, and halves the learning rate of all groups after every
/// `every` of them. Returns the rate that each epoch was trained with.
template <typename Model>
std::vector<double> fit(Model& model, const torch::data::Example<>& batch,
                        torch::optim::Optimizer& optimizer, int64_t epochs, int64_t every) {
  (void)model, (void)batch, (void)optimizer, (void)every;
  std::vector<double> rates;
  for (int64_t epoch = 1; epoch <= epochs; ++epoch) {
    // TODO(2): the rate of this epoch
    // TODO(1): the five lines
    // TODO(3): half the rate, after every so many epochs
  }
  return rates;
}
