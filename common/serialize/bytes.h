// Bytes that are looked at where they lie, never beyond their end.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "error.h"

namespace course {

/// What is said of a file that ends too soon or contradicts itself.
[[noreturn]] inline void refuse_damaged() {
  throw Error("is cut short or damaged; copy it again");
}

/// Bytes that belong to somebody else; whoever asks for some beyond the end gets an Error.
class Bytes {
 public:
  Bytes(const void* data, uint64_t size)
      : data_(static_cast<const unsigned char*>(data)), size_(size) {}

  const unsigned char* data() const { return data_; }
  uint64_t size() const { return size_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }

  /// @throws Error "is cut short or damaged" if they are not all there
  Bytes part(uint64_t offset, uint64_t size) const {
    if (offset > size_ || size > size_ - offset) refuse_damaged();
    return {data_ + offset, size};
  }
  /// A little-endian number of `width` bytes, at most 8.
  uint64_t number(uint64_t offset, int width) const {
    const Bytes bytes = part(offset, static_cast<uint64_t>(width));
    uint64_t value = 0;
    for (int i = width; i-- > 0;) value = value << 8 | bytes.data()[i];
    return value;
  }

 private:
  const unsigned char* data_;
  uint64_t size_;
};

}  // namespace course
