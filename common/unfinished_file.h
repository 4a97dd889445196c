// Files that a process must not leave behind half-written: their names, and their removal by the
// handler of a signal. One library writes them and another handles signals; neither knows the
// other.
#pragma once

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>

namespace course {

/// How the names of temporary files begin; 16 hex digits follow.
inline constexpr std::string_view kTemporaryPrefix = ".tmp-course-";

/// A new name for a temporary file, which nobody can guess and no other process will have:
/// ".tmp-course-0123456789abcdef".
inline std::string temporary_name() {
  std::random_device random;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%08x%08x", random(), random());
  return std::string(kTemporaryPrefix) + digits;
}

/// While one is alive, remove_all() removes the file `path`.
class UnfinishedFile {
 public:
  explicit UnfinishedFile(const std::filesystem::path& path)
      : entry_(new Entry{std::filesystem::absolute(path).string(), ::getpid()}) {
    for (Slot& slot : slots_) {
      const Entry* none = nullptr;
      if (!slot.compare_exchange_strong(none, entry_.get())) continue;
      slot_ = &slot;
      break;  // without a free slot the file is left to those who look for leftovers
    }
  }
  ~UnfinishedFile() {
    const Entry* mine = entry_.get();
    const bool taken = slot_ != nullptr && !slot_->compare_exchange_strong(mine, nullptr);
    if (taken) entry_.release();  // remove_all() reads it, and the process ends
  }
  UnfinishedFile(const UnfinishedFile&) = delete;
  UnfinishedFile& operator=(const UnfinishedFile&) = delete;

  /// For the handler of a signal that ends the process: takes no lock and no memory. Files of a
  /// parent that this process was forked from stay.
  static void remove_all() noexcept {
    for (Slot& slot : slots_) {
      const Entry* entry = slot.exchange(nullptr);
      if (entry != nullptr && entry->owner == ::getpid()) ::unlink(entry->path.c_str());
    }
  }

 private:
  struct Entry {
    std::string path;
    pid_t owner;
  };
  using Slot = std::atomic<const Entry*>;
  static_assert(Slot::is_always_lock_free);
  static inline std::array<Slot, 64> slots_{};

  std::unique_ptr<const Entry> entry_;
  Slot* slot_ = nullptr;
};

}  // namespace course
