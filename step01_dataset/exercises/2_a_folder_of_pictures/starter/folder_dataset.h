// A Dataset of the pictures in a folder, which has a folder for each class.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

/// A binary PGM file as [1, H, W] bytes. Throws c10::Error if it is none.
inline torch::Tensor read_pgm(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic;
  int64_t width = 0, height = 0, most = 0;
  file >> magic >> width >> height >> most;
  TORCH_CHECK(file && magic == "P5" && most == 255, path.string(), " is no binary PGM file");
  file.get();
  torch::Tensor pixels = torch::empty({1, height, width}, torch::kUInt8);
  file.read(reinterpret_cast<char*>(pixels.data_ptr()), pixels.numel());
  TORCH_CHECK(file.gcount() == pixels.numel(), path.string(), " is cut short");
  return pixels;
}

/// The pictures below a folder. Samples are in the order of classes, and of names in each class.
class FolderDataset : public torch::data::datasets::Dataset<FolderDataset> {
 public:
  explicit FolderDataset(const std::filesystem::path& folder) {
    (void)folder;  // TODO(1): class_names_; TODO(2): samples_
  }

  torch::optional<size_t> size() const override { return samples_.size(); }

  /// Sample i: [1, H, W] of float 0 to 1, and the number of its class.
  torch::data::Example<> get(size_t index) override {
    (void)index;
    return {torch::zeros({1, 1, 1}), torch::tensor(-1)};  // TODO(3)
  }

  const std::vector<std::string>& class_names() const { return class_names_; }

 private:
  struct Sample {
    std::filesystem::path path;
    int64_t label;
  };
  std::vector<std::string> class_names_;
  std::vector<Sample> samples_;
};
