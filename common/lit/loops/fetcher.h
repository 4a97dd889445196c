// The batches of one loader, cut to a limit, with the last one known as such.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "lit/core/loader.h"
#include "lit/error.h"
#include "lit/run/progress.h"

namespace lit {

/// Draws batches from a loader. If their number is unknown it fetches one ahead, so that is_last()
/// is right.
class Fetcher {
 public:
  Fetcher() = default;
  /// @param limit  kUnlimited, or batches to stop after
  Fetcher(std::shared_ptr<Loader> loader, int64_t limit)
      : loader_(std::move(loader)), limit_(limit) {
    ahead_is_needed_ = !loader_->batches();
  }

  /// The loader has begun its epoch; `count` of its batches are done.
  void begin(int64_t count = 0) {
    count_ = count;
    ahead_.reset();
    over_ = false;
  }
  /// Whether state() will be asked for.
  void keep_state(bool keep) { keep_state_ = keep; }
  /// The loader's state, as if nothing was fetched ahead; `again`: as if the last batch was not
  /// fetched either.
  course::Dict state(bool again) const {
    if (again && !keep_state_) {
      throw Error(
          "a checkpoint in the middle of a batch needs the loader's position before it, which is "
          "kept only if a callback of the Trainer writes checkpoints; save it after the batch");
    }
    if (again) return before_;
    return ahead_is_needed_ && (ahead_ || over_) ? before_ahead_ : loader_->state_dict();
  }

  /// The next batch, or none at the end.
  std::optional<Batch> next() {
    if (over_ || count_ >= limit_) return std::nullopt;
    std::optional<Batch> batch;
    if (ahead_) {
      batch = std::exchange(ahead_, std::nullopt);
      before_ = before_ahead_;
    } else {
      if (keep_state_) before_ = loader_->state_dict();
      batch = loader_->next();
    }
    if (!batch) {
      over_ = true;
      return std::nullopt;
    }
    ++count_;
    if (count_ < limit_ && ahead_is_needed_) {
      if (keep_state_) before_ahead_ = loader_->state_dict();
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
  bool ahead_is_needed_ = false, keep_state_ = false;
  int64_t count_ = 0;
  std::optional<Batch> ahead_;
  bool over_ = false;
  course::Dict before_, before_ahead_;  // the loader's state before the last batch, and that ahead
};

}  // namespace lit
