// The data sets: pictures with labels, found by the name of the set.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "config.h"
#include "data/find.h"
#include "data/image_set.h"
#include "data/permutation.h"
#include "seed.h"

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
        pixels_(set_.images.unsqueeze(1).to(torch::kFloat32).div_(255)),
        indices_(torch::arange(set_.labels.size(0))) {}

  // How many samples there are.
  torch::optional<size_t> size() const override { return indices_.size(0); }

  // Sample i: a picture [1, 28, 28] of float 0..1 and its label, an int64 without dimensions.
  torch::data::Example<> get(size_t index) override {
    TORCH_CHECK_INDEX(index < *size(), "sample ", index, " was asked for, but there are only ",
                      *size(), ": 0 to ", *size() - 1);
    const auto i = indices_[static_cast<int64_t>(index)].item<int64_t>();
    return {is_flipped(i) ? pixels_[i].flip(2) : pixels_[i], set_.labels[i]};
  }

  // The samples at these positions, in this order; pixels are shared, not copied.
  ImageDataset subset(const torch::Tensor& positions) const {
    ImageDataset result = *this;
    result.indices_ = indices_.index({positions});
    return result;
  }

  // The same with a share of the pictures mirrored. Which ones depends on seed, epoch and picture
  // alone, so it does not matter which worker asks, and when.
  ImageDataset flipped(double share, uint64_t seed, int64_t epoch) const {
    ImageDataset result = *this;
    result.flip_ = share;
    result.flip_seed_ = course::mix_seed(seed, epoch);
    return result;
  }

  const std::vector<std::string>& class_names() const { return set_.class_names; }
  const PixelStatistics& statistics() const { return statistics_; }

 private:
  bool is_flipped(int64_t i) const {
    return static_cast<double>(course::mix_seed(flip_seed_, i)) < flip_ * 0x1p64;
  }

  course::ImageSet set_;
  PixelStatistics statistics_;
  torch::Tensor pixels_;   // [N, 1, 28, 28]
  torch::Tensor indices_;  // [size()] int64: which of them, in which order
  double flip_ = 0;
  uint64_t flip_seed_ = 0;
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

// region epoch_loader
// The batches of one epoch: an order and mirrored pictures that belong to this epoch alone.
inline auto make_epoch_loader(const ImageDataset& dataset, const Config& config, const Seeds& seeds,
                              int64_t epoch) {
  const auto n = static_cast<int64_t>(*dataset.size());
  torch::Tensor order = course::permutation(seeds.shuffle, epoch, n);
  if (config.limit_train_batches > 0) {
    order = order.slice(0, 0, config.limit_train_batches * config.batch_size);
  }
  return make_loader<torch::data::samplers::SequentialSampler>(
      dataset.subset(order).flipped(config.flip, seeds.flip, epoch),
      torch::data::DataLoaderOptions(config.batch_size).workers(config.workers));
}
// endregion

using EpochLoader =
    decltype(make_epoch_loader(std::declval<ImageDataset>(), {}, {}, 0))::element_type;

// region split
// A training set in two: one part to learn from, one to look at while learning.
struct Splits {
  ImageDataset train;
  ImageDataset validation;
};

// Which samples are held out depends on the seed alone.
inline Splits split(const ImageDataset& dataset, double validation, uint64_t seed) {
  const auto n = static_cast<int64_t>(*dataset.size());
  const auto held_out =
      std::clamp<int64_t>(std::llround(validation * static_cast<double>(n)), 1, n - 1);
  const torch::Tensor order = course::permutation(seed, 0, n);
  return {dataset.subset(order.slice(0, held_out)), dataset.subset(order.slice(0, 0, held_out))};
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
