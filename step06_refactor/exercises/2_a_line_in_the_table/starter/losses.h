// Losses by name.
#pragma once

#include <torch/torch.h>

#include <map>
#include <stdexcept>
#include <string>

/// What a batch comes to: scores [N, C] float, labels [N] int64 -> a number.
using Loss = torch::Tensor (*)(const torch::Tensor& scores, const torch::Tensor& labels);

inline torch::Tensor cross_entropy(const torch::Tensor& scores, const torch::Tensor& labels) {
  return torch::nn::functional::cross_entropy(scores, labels);
}

/// The loss of that name. @throws std::invalid_argument that lists the names
inline Loss find_loss(const std::string& name) {
  if (name == "cross_entropy") return cross_entropy;
  return cross_entropy;  // TODO(1): a table; TODO(2): two more in it; TODO(3): names that are
                         // unknown
}
