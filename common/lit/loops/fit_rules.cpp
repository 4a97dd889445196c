// Decides when a fit ends, when an epoch ends, and when validation runs.
#include "lit/loops/fit_rules.h"

#include <spdlog/fmt/fmt.h>

#include <utility>

#include "lit/core/clock.h"
#include "lit/core/messages.h"

namespace lit {

// The order of these checks decides which message is shown.
bool FitRules::fit_is_over(int64_t batches) const {
  if (batches == 0) {
    info("Trainer.fit stopped: no training batches.");
    return true;
  }
  if (limits_.max_steps >= 0 && progress_.global_step >= limits_.max_steps) {
    info(fmt::format("Trainer.fit stopped: max_steps={} reached.", limits_.max_steps));
    return true;
  }
  if (limits_.max_epochs >= 0 && progress_.current_epoch >= limits_.max_epochs) {
    info(fmt::format("Trainer.fit stopped: max_epochs={} reached.", limits_.max_epochs));
    return true;
  }
  return limits_.should_stop && may_stop();
}

bool FitRules::epoch_is_over() {
  if (progress_.is_last_batch) return true;
  if (limits_.max_steps >= 0 && progress_.global_step >= limits_.max_steps) return true;
  if (!limits_.should_stop) return false;
  if (may_stop()) return true;
  if (!std::exchange(progress_.told_of_minimum, true)) {
    info(fmt::format(
        "Trainer was signaled to stop but the required min_epochs={} or min_steps={} has not been "
        "met. Training will continue...",
        config_.min_epochs, config_.options.min_steps.value_or(0)));
  }
  return false;
}

bool FitRules::may_stop() const {
  return progress_.current_epoch >= config_.min_epochs &&
         progress_.global_step >= config_.options.min_steps.value_or(0);
}

bool FitRules::validates_in_this_epoch() const {
  const auto& every = config_.options.check_val_every_n_epoch;
  return !every || (progress_.current_epoch + 1) % *every == 0;
}

bool FitRules::validation_is_due(int64_t val_check_batches, double last_validation) const {
  if (!validates_in_this_epoch()) return false;
  if (limits_.should_stop && may_stop()) return true;
  const TrainerOptions& options = config_.options;
  if (const auto* span = std::get_if<Duration>(&options.val_check_interval)) {
    return steady_seconds() - last_validation >= span->seconds();
  }
  if (val_check_batches == kUnlimited) return progress_.is_last_batch || progress_.rest_is_skipped;
  const bool within_epoch = options.check_val_every_n_epoch.has_value();
  const int64_t count = within_epoch ? progress_.batch_idx : progress_.total_batch_idx;
  return (count + 1) % val_check_batches == 0;
}

}  // namespace lit
