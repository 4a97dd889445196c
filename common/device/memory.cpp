// Counts tensor memory by the hook through which libtorch's allocators report to its profiler.
#include "device/memory.h"

#include <c10/util/ThreadLocalDebugInfo.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "compat/torch.h"
#include "error.h"

namespace course {
namespace {

class Counter : public c10::MemoryReportingInfoBase {
 public:
  /// @param outer the counter of a meter around this one, which is told everything too
  explicit Counter(Counter* outer) : outer_(outer) {}

  void reportMemoryUsage(void* block, int64_t size, compat::ReportedSize total_allocated,
                         compat::ReportedSize total_reserved, c10::Device device) override {
    if (outer_ != nullptr) {
      outer_->reportMemoryUsage(block, size, total_allocated, total_reserved, device);
    }
    const std::lock_guard lock(mutex_);
    if (size > 0) {
      blocks_[block] = size;
      current_ += size;
      peak_ = std::max(peak_, current_);
    } else if (const auto found = blocks_.find(block); found != blocks_.end()) {
      current_ -= found->second;  // a block that is older than the meter is not in the table
      blocks_.erase(found);
    }
  }
  bool memoryProfilingEnabled() const override { return true; }

  int64_t current() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }
  int64_t peak() const {
    const std::lock_guard lock(mutex_);
    return peak_;
  }

 private:
  Counter* const outer_;
  mutable std::mutex mutex_;  // a backward pass frees in threads of its own
  std::unordered_map<void*, int64_t> blocks_;
  int64_t current_ = 0;
  int64_t peak_ = 0;
};

/// The counter of the meter around this one, or nullptr.
Counter* find_outer() {
  auto* const info = c10::ThreadLocalDebugInfo::get(c10::DebugInfoKind::PROFILER_STATE);
  if (info == nullptr) return nullptr;
  auto* const counter = dynamic_cast<Counter*>(info);
  if (counter == nullptr) {
    throw Error(
        "a MemoryMeter cannot count while libtorch's profiler runs in the same thread; stop one of "
        "them");
  }
  return counter;
}

}  // namespace

struct MemoryMeter::Impl {
  // The allocator warns when a block is freed that is older than the meter, which is no news.
  compat::QuietLog quiet;
  std::shared_ptr<Counter> counter = std::make_shared<Counter>(find_outer());
  c10::DebugInfoGuard guard{c10::DebugInfoKind::PROFILER_STATE, counter};
};

MemoryMeter::MemoryMeter() : impl_(std::make_unique<Impl>()) {}
MemoryMeter::~MemoryMeter() = default;
int64_t MemoryMeter::current_bytes() const {
  return impl_->counter->current();
}
int64_t MemoryMeter::peak_bytes() const {
  return impl_->counter->peak();
}

}  // namespace course
