// Counts the bytes that tensors take while a piece of code runs.
#pragma once

#include <cstdint>
#include <memory>

namespace course {

/// Counts the tensor memory that the current thread, and the backward passes it starts, allocate
/// while the meter is alive, on any device, as libtorch's allocators report it (exact on the CPU;
/// CUDA rounds up to blocks of 512). Memory allocated before the meter never counts, freed or not.
/// Meters nest. While one is alive libtorch prints no warnings.
///
///     MemoryMeter meter;
///     auto output = model->forward(images);
///     std::cout << meter.peak_bytes();
class MemoryMeter {
 public:
  /// @throws Error while libtorch's own profiler runs in this thread, which needs the same hook
  MemoryMeter();
  /// Must run in the thread of the constructor, the inner of two meters first.
  ~MemoryMeter();
  MemoryMeter(const MemoryMeter&) = delete;
  MemoryMeter& operator=(const MemoryMeter&) = delete;

  /// Bytes allocated since the constructor and not yet freed.
  int64_t current_bytes() const;
  /// The highest that current_bytes() has been.
  int64_t peak_bytes() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace course
