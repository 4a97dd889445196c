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
  const std::filesystem::path draft = path.string() + ".draft";
  try {
    write_weights(draft, weights);
    std::filesystem::rename(draft, path);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(draft, ignored);
    throw;
  }
}

/// Copies the weights into the model's parameters.
/// @throws std::runtime_error with the name of a parameter that is missing, too much or of another
/// shape; then the model is as it was
inline void load_weights(const Weights& weights, torch::nn::Module& model) {
  const Weights parameters = model.named_parameters();
  for (const auto& parameter : parameters) {
    const torch::Tensor* found = weights.find(parameter.key());
    if (found == nullptr || found->sizes() != parameter.value().sizes()) {
      throw std::runtime_error(parameter.key() + " is not there, or has another shape");
    }
  }
  for (const auto& item : weights) {
    if (!parameters.contains(item.key())) throw std::runtime_error(item.key() + " is too much");
  }
  const torch::NoGradGuard no_grad;
  for (const auto& parameter : parameters) {
    torch::Tensor(parameter.value()).copy_(weights[parameter.key()]);
  }
}
