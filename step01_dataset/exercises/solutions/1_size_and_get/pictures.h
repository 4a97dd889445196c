// A Dataset of pictures that are in memory already.
#pragma once

#include <torch/torch.h>

/// Pictures [N, 8, 8] of bytes and labels [N] int64, as torch::data wants them.
class Pictures : public torch::data::datasets::Dataset<Pictures> {
 public:
  Pictures(torch::Tensor images, torch::Tensor labels)
      : images_(std::move(images)), labels_(std::move(labels)) {}

  /// How many samples there are.
  torch::optional<size_t> size() const override { return labels_.size(0); }

  /// Sample i: a picture [1, 8, 8] of float 0 to 1, and its label, an int64 without dimensions.
  torch::data::Example<> get(size_t index) override {
    TORCH_CHECK_INDEX(index < *size(), "sample ", index, " was asked for, but there are ", *size());
    const auto i = static_cast<int64_t>(index);
    return {images_[i].unsqueeze(0).to(torch::kFloat32) / 255, labels_[i]};
  }

 private:
  torch::Tensor images_;
  torch::Tensor labels_;
};
