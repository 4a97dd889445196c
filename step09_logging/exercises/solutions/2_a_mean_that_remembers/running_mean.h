// The mean of a loss over an epoch.
#pragma once

#include <torch/torch.h>

/// Sums up losses on their device, without waiting for them.
class RunningMean {
 public:
  /// The loss of a batch, a mean over its samples, and how many those are.
  void add(const torch::Tensor& loss, int64_t size) {
    sum_ += loss.detach() * size;
    samples_ += size;
  }

  /// The mean over the samples since the last call; NaN if there were none.
  double take() {
    const double mean = sum_.item<double>() / static_cast<double>(samples_);
    sum_.zero_();
    samples_ = 0;
    return mean;
  }

  const torch::Tensor& sum() const { return sum_; }

 private:
  torch::Tensor sum_ = torch::zeros({}, torch::kFloat64);
  int64_t samples_ = 0;
};
