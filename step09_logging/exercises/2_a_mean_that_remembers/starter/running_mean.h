// The mean of a loss over an epoch, with three mistakes.
#pragma once

#include <torch/torch.h>

/// Sums up losses on their device, without waiting for them.
class RunningMean {
 public:
  /// The loss of a batch, a mean over its samples, and how many those are.
  void add(const torch::Tensor& loss, int64_t size) {
    (void)size;
    sum_ = sum_ + loss;
    samples_ += 1;
  }

  /// The mean over the samples since the last call; NaN if there were none.
  double take() { return sum_.item<double>() / static_cast<double>(samples_); }

  const torch::Tensor& sum() const { return sum_; }

 private:
  torch::Tensor sum_ = torch::zeros({}, torch::kFloat64);
  int64_t samples_ = 0;
};
