// f_theta, and how good it is: accuracy and loss.
#pragma once

#include <torch/torch.h>

/// Scores of a batch: pixels [N, P] float, weight [C, P], bias [C] -> [N, C].
inline torch::Tensor scores_of(const torch::Tensor& pixels, const torch::Tensor& weight,
                               const torch::Tensor& bias) {
  (void)weight, (void)bias;
  return torch::zeros_like(pixels);  // TODO(1)
}

/// The share of rows of scores [N, C] whose highest stands at the label, [N] int64: 0 to 1.
inline double accuracy_of(const torch::Tensor& scores, const torch::Tensor& labels) {
  (void)scores, (void)labels;
  return -1;  // TODO(2)
}

/// The mean of -log(softmax(scores)[label]) over scores [N, C] and labels [N] int64.
inline double loss_of(const torch::Tensor& scores, const torch::Tensor& labels) {
  (void)scores, (void)labels;
  return -1;  // TODO(3)
}
