// What a loader hands out and a step takes: some tensors in their order, with names where they have
// any.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "lit/error.h"

namespace lit {

/// An ordered set of tensors:
///
///     Batch batch{{"images", images}, {"labels", labels}};
///     const auto [images, labels] = batch.unpack<2>();
///     batch["labels"];
///
/// It holds handles; copying a batch copies no numbers. A default-made one is empty: for the
/// Trainer that is Python's None, a batch to skip.
class Batch {
 public:
  struct Item {
    std::string name;  ///< "": it has none
    torch::Tensor tensor;
  };

  Batch() = default;
  Batch(torch::Tensor tensor) { items_.push_back({"", std::move(tensor)}); }
  Batch(std::initializer_list<torch::Tensor> tensors) {
    for (const auto& tensor : tensors) items_.push_back({"", tensor});
  }
  Batch(std::initializer_list<Item> items) : items_(items) {}
  explicit Batch(std::vector<Item> items) : items_(std::move(items)) {}

  /// How many tensors.
  int64_t size() const { return static_cast<int64_t>(items_.size()); }
  bool empty() const { return items_.empty(); }

  /// All tensors, to be bound to names. @throws Error unless there are N
  template <size_t N>
  auto unpack() const {
    if (items_.size() != N) refuse_to_unpack(N);
    return unpack(std::make_index_sequence<N>());
  }

  /// @throws Error if there is none with that number or name
  const torch::Tensor& operator[](int64_t index) const;
  const torch::Tensor& operator[](const std::string& name) const;
  const torch::Tensor& operator[](const char* name) const { return (*this)[std::string(name)]; }
  const torch::Tensor& operator[](int index) const { return (*this)[int64_t{index}]; }

  /// Samples, for weighting what is logged: the first dimension of the first tensor; 1 for a
  /// number.
  /// @throws Error if it is empty
  int64_t batch_size() const;
  /// Do all tensors have the same first dimension?
  bool even() const;

  /// The same tensors on `device`, by a copy only if they are elsewhere.
  Batch to(torch::Device device, bool non_blocking = false) const;

  auto begin() const { return items_.begin(); }
  auto end() const { return items_.end(); }

 private:
  template <size_t... I>
  auto unpack(std::index_sequence<I...>) const {
    return std::make_tuple(items_[I].tensor...);
  }
  [[noreturn]] void refuse_to_unpack(size_t wanted) const;
  std::string describe() const;

  std::vector<Item> items_;
};

}  // namespace lit
