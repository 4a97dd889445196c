// How far a fit is: the only counters.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace lit {

/// The number of batches is unknown.
inline constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

/// Where in an epoch a fit is, as far as a checkpoint can tell.
enum class Place {
  epoch_start,   ///< before the first batch of an epoch
  batch_start,   ///< batches_done batches are complete
  batch_end,     ///< a batch is done, its on_train_batch_end is not
  batch_logged,  ///< its on_train_batch_end is done, the validation after it is not
  validated,     ///< the validation is done, or was not due; the schedulers after it are not
  epoch_end      ///< on_train_epoch_end is done
};
std::string name_of(Place place);
/// @throws Error for an unknown name
Place place_named(const std::string& name);

/// How far an evaluation is.
struct EvaluationCounts {
  std::vector<int64_t> batches;        ///< of each loader, over all evaluations
  int64_t started = 0, completed = 0;  ///< of the current evaluation
  bool is_last_batch = false;
};

/// It outlives a run: a second fit continues where the first one stopped. The loops advance the
/// counters and resuming restores them; all other code only reads them.
struct Progress {
  int64_t current_epoch = 0;         ///< epochs completed; while one runs, its index
  int64_t global_step = 0;           ///< steps of optimizers
  int64_t batches_that_stepped = 0;  ///< batches that ended with a step: the loggers' step
  int64_t batch_idx = -1;            ///< index of the current batch in its epoch
  int64_t total_batch_idx = -1;      ///< and over all epochs
  int64_t batches_done = 0;          ///< of this epoch
  bool is_last_batch = false;
  bool rest_is_skipped = false;  ///< on_train_batch_start() returned -1
  int64_t scheduler_steps = 0;
  int64_t steps_before_epoch = 0, scheduler_steps_before_epoch = 0;
  Place place = Place::epoch_start;
  bool told_of_minimum = false;  ///< the note about min_epochs and min_steps was shown
  bool has_trained = false;      ///< whether this fit has trained a batch
  EvaluationCounts validation;   ///< in fit

  /// Whether the current batch only accumulates gradients: it is not the last one of its window of
  /// `window` batches.
  bool accumulates(int64_t window) const { return (batch_idx + 1) % window != 0 && !is_last_batch; }
};

/// Number of batches of each loader, after all limits.
struct BatchCounts {
  int64_t training = kUnlimited;
  std::vector<int64_t> validation, test, prediction;
};

/// The settings that may change during a run.
struct Limits {
  int64_t max_epochs = -1;  ///< -1: no end
  int64_t max_steps = -1;
  int64_t accumulate_grad_batches = 1;
  bool should_stop = false;
};

}  // namespace lit
