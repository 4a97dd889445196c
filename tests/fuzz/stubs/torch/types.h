// In place of libtorch's header, so that a fuzzer need not load libtorch: a tensor that holds its
// bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace torch {

enum ScalarType { kUInt8, kInt64 };

class Tensor {
 public:
  Tensor() = default;
  Tensor(std::shared_ptr<void> data, std::size_t count) : data_(std::move(data)), count_(count) {}

  Tensor to(ScalarType) const { return *this; }
  const uint8_t* bytes() const { return static_cast<const uint8_t*>(data_.get()); }
  std::size_t count() const { return count_; }

 private:
  std::shared_ptr<void> data_;
  std::size_t count_ = 0;
};

inline Tensor from_blob(void* data, const std::vector<int64_t>& sizes,
                        const std::function<void(void*)>& deleter, ScalarType) {
  std::size_t count = 1;
  for (const int64_t size : sizes) count *= static_cast<std::size_t>(size);
  return {std::shared_ptr<void>(data, deleter), count};
}

}  // namespace torch
