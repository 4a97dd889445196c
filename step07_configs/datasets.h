// The data sets: pictures with labels, found by the name of the set.
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "data/find.h"
#include "data/image_set.h"

// region dataset
// How the pixels of a set are distributed, so that a model sees mean 0 and deviation 1.
struct PixelStatistics {
  double mean;
  double std;
};

// Pictures as torch::data wants them: size() and get(i), nothing else.
class ImageDataset : public torch::data::datasets::Dataset<ImageDataset> {
 public:
  ImageDataset(course::ImageSet set, PixelStatistics statistics)
      : set_(std::move(set)),
        statistics_(statistics),
        pixels_(set_.images.unsqueeze(1).to(torch::kFloat32).div_(255)) {}

  // How many samples there are.
  torch::optional<size_t> size() const override { return set_.labels.size(0); }

  // Sample i: a picture [1, 28, 28] of float 0..1 and its label, an int64 without dimensions.
  torch::data::Example<> get(size_t index) override {
    TORCH_CHECK_INDEX(index < *size(), "sample ", index, " was asked for, but there are only ",
                      *size(), ": 0 to ", *size() - 1);
    const auto i = static_cast<int64_t>(index);
    return {pixels_[i], set_.labels[i]};
  }

  const std::vector<std::string>& class_names() const { return set_.class_names; }
  const PixelStatistics& statistics() const { return statistics_; }

 private:
  course::ImageSet set_;
  PixelStatistics statistics_;
  torch::Tensor pixels_;  // [N, 1, 28, 28]
};
// endregion

// region loader
// Batches of normalised samples: get() for each index that the sampler draws, then all stacked.
template <typename Sampler>
auto make_loader(const ImageDataset& dataset, const torch::data::DataLoaderOptions& options) {
  const auto [mean, std] = dataset.statistics();
  return torch::data::make_data_loader<Sampler>(
      ImageDataset(dataset)
          .map(torch::data::transforms::Normalize<>(mean, std))
          .map(torch::data::transforms::Stack<>()),
      options);
}
// endregion

// A data set: where it was found, and its two splits.
struct DataSets {
  course::DataLocation location;
  ImageDataset train;
  ImageDataset test;
};

/// The set called `name`, from `data_dir` or, if that is "", from the usual places.
/// @throws course::UsageError that lists the names; course::Error for files that are not as they
/// must be
DataSets load_data_sets(const std::string& name, const std::string& data_dir);
