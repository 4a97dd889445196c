// The batches of one loader, cut to a limit, with the last one known as such.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "lit/core/loader.h"
#include "lit/trainer/trainer.h"

namespace lit {

/// Draws batches from a loader. Where nobody knows how many there are, it fetches one ahead, so
/// that is_last() is right.
class Fetcher {
 public:
  Fetcher() = default;
  /// @param limit  Trainer::unlimited(), or batches to stop after
  Fetcher(std::shared_ptr<Loader> loader, int64_t limit)
      : loader_(std::move(loader)), limit_(limit) {
    ahead_is_needed_ = !loader_->batches();
  }

  /// The loader has been told of its epoch.
  void begin() {
    count_ = 0;
    ahead_.reset();
    over_ = false;
  }

  /// The next batch, or none at the end.
  std::optional<Batch> next() {
    if (over_ || count_ >= limit_) return std::nullopt;
    std::optional<Batch> batch = ahead_ ? std::exchange(ahead_, std::nullopt) : loader_->next();
    if (!batch) {
      over_ = true;
      return std::nullopt;
    }
    ++count_;
    if (count_ < limit_ && ahead_is_needed_) {
      ahead_ = loader_->next();
      over_ = !ahead_;
    }
    return batch;
  }

  /// Was the batch that next() has just given the last?
  bool is_last() const { return over_ || count_ >= limit_; }
  int64_t count() const { return count_; }

 private:
  std::shared_ptr<Loader> loader_;
  int64_t limit_ = 0;
  bool ahead_is_needed_ = false;
  int64_t count_ = 0;
  std::optional<Batch> ahead_;
  bool over_ = false;
};

}  // namespace lit
