// Evaluation as a class, with two mistakes.
#pragma once

#include <torch/torch.h>

#include <utility>

/// The mean square error of models on one set of data.
class Evaluator {
 public:
  /// data [N, ...] and target [N, ...], which are evaluated in batches.
  Evaluator(torch::Tensor data, torch::Tensor target, int64_t batch_size)
      : data_(std::move(data)), target_(std::move(target)), batch_size_(batch_size) {}

  /// The mean over all samples. The model is called as model(data).
  template <typename Model>
  double loss(Model& model) {
    double sum = 0;
    const int64_t batches = data_.size(0) / batch_size_;
    for (int64_t i = 0; i < batches; ++i) {
      const int64_t begin = i * batch_size_;
      const torch::Tensor found = model(data_.slice(0, begin, begin + batch_size_));
      const torch::Tensor wanted = target_.slice(0, begin, begin + batch_size_);
      sum += (found - wanted).square().sum().template item<double>();
    }
    return sum / static_cast<double>(target_.numel());
  }

 private:
  torch::NoGradGuard no_grad_;  // evaluation needs no gradients
  torch::Tensor data_, target_;
  int64_t batch_size_;
};
