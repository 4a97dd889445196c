// The accuracy of a model.
#pragma once

#include <torch/torch.h>

#include <vector>

/// The share of samples whose highest score is at the label: 0 to 1. The model is called as
/// model(data), gives [N, C], and is left in the mode that it was in.
template <typename Model>
double accuracy(Model& model, const std::vector<torch::data::Example<>>& batches) {
  const bool was_training = model->is_training();
  const torch::NoGradGuard no_grad;
  model->eval();
  int64_t right = 0, all = 0;
  for (const torch::data::Example<>& batch : batches) {
    right += (model(batch.data).argmax(1) == batch.target).sum().template item<int64_t>();
    all += batch.target.size(0);
  }
  model->train(was_training);
  return static_cast<double>(right) / static_cast<double>(all);
}
