// A Dataset of pictures that are in memory already.
#pragma once

#include <torch/torch.h>

/// Pictures [N, 8, 8] of bytes and labels [N] int64, as torch::data wants them.
class Pictures : public torch::data::datasets::Dataset<Pictures> {
 public:
  Pictures(torch::Tensor images, torch::Tensor labels)
      : images_(std::move(images)), labels_(std::move(labels)) {}

  /// How many samples there are.
  torch::optional<size_t> size() const override {
    return 0;  // TODO(1)
  }

  /// Sample i: a picture [1, 8, 8] of float 0 to 1, and its label, an int64 without dimensions.
  torch::data::Example<> get(size_t index) override {
    const auto i = static_cast<int64_t>(index);  // TODO(3): refuse what is too large
    return {images_[i], labels_[i]};             // TODO(2): a channel, and 0 to 1
  }

 private:
  torch::Tensor images_;
  torch::Tensor labels_;
};
