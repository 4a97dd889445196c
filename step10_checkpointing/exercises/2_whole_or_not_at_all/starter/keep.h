// Weights in a file: whole, or not at all.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

using Weights = torch::OrderedDict<std::string, torch::Tensor>;

/// Writes weights; it may throw in the middle, as when a disk is full: then the file is not whole.
inline void write_weights(const std::filesystem::path& path, const Weights& weights) {
  std::ofstream(path) << "the beginning";
  std::vector<torch::Tensor> tensors;
  for (const auto& item : weights) {
    TORCH_CHECK(item.value().defined(), item.key(),
                " is undefined: what was written so far is no file");
    tensors.push_back(item.value());
  }
  torch::save(tensors, path.string());
}

/// Makes `path` the file of these weights, in one step.
/// @throws whatever write_weights throws; then path is what it was, and nothing is left beside it
inline void save_weights(const std::filesystem::path& path, const Weights& weights) {
  (void)path, (void)weights;  // TODO(1)
}

/// Copies the weights into the model's parameters.
/// @throws std::runtime_error with the name of a parameter that is missing, too much or of another
/// shape; then the model is as it was
inline void load_weights(const Weights& weights, torch::nn::Module& model) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : model.named_parameters()) {
    parameter.value().copy_(weights[parameter.key()]);  // TODO(2), TODO(3)
  }
}
