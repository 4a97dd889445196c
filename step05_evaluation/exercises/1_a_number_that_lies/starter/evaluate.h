// The accuracy of a model, with four mistakes.
#pragma once

#include <torch/torch.h>

#include <vector>

/// The share of samples whose highest score is at the label: 0 to 1. The model is called as
/// model(data), gives [N, C], and is left in the mode that it was in.
template <typename Model>
double accuracy(Model& model, const std::vector<torch::data::Example<>>& batches) {
  model->train();
  double sum = 0;
  for (const torch::data::Example<>& batch : batches) {
    const torch::Tensor right = model(batch.data).argmax(1) == batch.target;
    sum += right.to(torch::kFloat64).mean().template item<double>();
  }
  return sum / static_cast<double>(batches.size());
}
