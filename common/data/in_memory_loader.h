// Batches of a data set that is in memory: whole tensors are indexed, sample by sample nothing is.
#pragma once

#include <torch/data/example.h>
#include <torch/types.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <vector>

namespace course {

using Batch [[deprecated("it is torch::data::Example<>")]] = torch::data::Example<>;

/// Bytes as float32: (byte / divisor - mean) / std.
struct ToFloat {
  double divisor = 255;
  double mean = 0;
  double std = 1;
};

struct InMemoryLoaderOptions {
  /// Samples in a batch, at least 1; the last batch of an epoch may have fewer.
  int64_t batch_size = 64;
  /// Take the samples in the order permutation(seed, epoch, n) instead of as they are.
  bool shuffle = false;
  /// For `shuffle`.
  uint64_t seed = 0;
  /// Leave out a last batch that is not full.
  bool drop_last = false;
  /// Where batches are wanted; by default where the data are. Batches of data on the CPU come to a
  /// GPU by pinned memory and a stream for copies, one ahead of the loop.
  std::optional<torch::Device> device = std::nullopt;
  /// Keep all of the data on the GPU `device` if they take at most this share of its free memory,
  /// from 0 (never) to 1. Then nothing is copied while it trains, but the order of an epoch.
  double keep_on_device = 0;
  /// Data that are uint8 come out as float32, made of the batch alone, where it is wanted: a
  /// quarter of the memory, and of what has to be fetched from it.
  std::optional<ToFloat> to_float = std::nullopt;
};

/// Hands out the batches of an epoch, as libtorch's own type for samples with their targets; the
/// first dimension of both counts samples:
///
///     InMemoryLoader loader(images, labels, {.batch_size = 128, .shuffle = true, .seed = 1});
///     for (int64_t epoch = 0; epoch < epochs; ++epoch) {
///       for (const auto& batch : loader.epoch(epoch)) train(batch.data, batch.target);
///     }
///
/// It holds the tensors, not copies of them, and nothing that an epoch changes: several epochs can
/// be under way at once, in several threads. An epoch uses the memory of a batch again when nobody
/// else holds the batch any more.
class InMemoryLoader {
 public:
  class Epoch;

  /// @param data [N, ...] of any dtype, on any device; N is at least 1
  /// @param target [N, ...], on the same device
  /// @throws Error if data and target do not fit together
  /// @throws UsageError if an option has a value that is not allowed
  InMemoryLoader(torch::Tensor data, torch::Tensor target, InMemoryLoaderOptions options = {});

  int64_t samples() const { return data_.size(0); }
  /// Batches of an epoch: samples() / batch_size, rounded up, or down with drop_last.
  int64_t batches() const;
  const InMemoryLoaderOptions& options() const { return options_; }
  /// Where the data are, which keep_on_device may have moved.
  torch::Device device() const { return data_.device(); }
  /// The same data, in the order in which they are.
  InMemoryLoader unshuffled() const {
    InMemoryLoader other = *this;
    other.options_.shuffle = false;
    return other;
  }

  /// The batches of epoch number `epoch` (from 0 on), beginning with batch `first_batch`: with
  /// what Epoch::position() said, an interrupted epoch goes on where it stopped.
  /// @throws UsageError if `epoch` is negative or `first_batch` not in 0..batches()
  Epoch epoch(int64_t epoch, int64_t first_batch = 0) const;

 private:
  torch::Tensor data_;
  torch::Tensor target_;
  InMemoryLoaderOptions options_;
};

/// One pass through the data. It can be walked through once.
class InMemoryLoader::Epoch {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = torch::data::Example<>;
    using difference_type = std::ptrdiff_t;
    using pointer = const torch::data::Example<>*;
    using reference = const torch::data::Example<>&;

    reference operator*() const { return epoch_->batch_; }
    pointer operator->() const { return &epoch_->batch_; }
    Iterator& operator++() {
      epoch_->advance();
      return *this;
    }
    void operator++(int) { epoch_->advance(); }
    bool operator==(std::default_sentinel_t) const { return epoch_->done_; }

   private:
    friend class Epoch;
    explicit Iterator(Epoch* epoch) : epoch_(epoch) {}
    Epoch* epoch_;
  };

  /// Makes the next batch. A batch that is not shuffled is a view of the data: copy it before you
  /// write into it.
  Iterator begin();
  std::default_sentinel_t end() const { return {}; }

  /// Number of batches handed out so far, those before `first_batch` included: 1 in the first
  /// turn of the loop.
  int64_t position() const { return position_; }

 private:
  friend class InMemoryLoader;
  Epoch(const InMemoryLoader& loader, int64_t epoch, int64_t first_batch);
  void advance();
  torch::data::Example<> make(int64_t number);
  torch::Tensor rows(const torch::Tensor& all, int64_t start, int64_t size, bool is_data);
  torch::Tensor buffer(std::vector<int64_t> sizes, torch::ScalarType dtype);

  InMemoryLoader loader_;
  torch::Tensor order_;  // int64 [N], undefined unless shuffled
  int64_t position_;
  bool done_ = false;
  torch::data::Example<> batch_;
  std::vector<torch::Tensor> buffers_;  // of batches, to be used again
  struct Ahead;                         // the batch that is on its way to a GPU
  std::shared_ptr<Ahead> ahead_;
};

}  // namespace course
