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

inline torch::Tensor mean_square(const torch::Tensor& scores, const torch::Tensor& labels) {
  return torch::mse_loss(scores, torch::one_hot(labels, scores.size(1)).to(scores.dtype()));
}

inline torch::Tensor smoothed(const torch::Tensor& scores, const torch::Tensor& labels) {
  return torch::nn::functional::cross_entropy(
      scores, labels, torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(0.1));
}

/// The loss of that name. @throws std::invalid_argument that lists the names
inline Loss find_loss(const std::string& name) {
  static const std::map<std::string, Loss> losses{
      {"cross_entropy", cross_entropy},
      {"mean_square", mean_square},
      {"smoothed", smoothed},
  };
  if (const auto found = losses.find(name); found != losses.end()) return found->second;
  std::string names;
  for (const auto& [known, loss] : losses) names += (names.empty() ? "" : ", ") + known;
  throw std::invalid_argument("there is no loss '" + name + "'; there are " + names);
}
