// Timer: how long the stages take; ends a fit when its time is up.
#include "lit/callbacks/timer.h"

#include <spdlog/fmt/fmt.h>

#include <utility>

#include "lit/core/clock.h"
#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/checked.h"

namespace lit {
namespace {

// "0:00:05", "1 day, 2:03:04": as Python writes a timedelta.
std::string text_of(double seconds) {
  const auto whole = static_cast<int64_t>(seconds);
  const int64_t days = whole / 86400;
  const std::string ahead = days == 0 ? "" : fmt::format("{} day{}, ", days, days == 1 ? "" : "s");
  return fmt::format("{}{}:{:02}:{:02}", ahead, whole / 3600 % 24, whole / 60 % 60, whole % 60);
}

}  // namespace

Timer::Timer(Options options) : options_(std::move(options)) {
  options_.interval.of("interval of Timer");
}

double Timer::Watch::elapsed() const {
  return before + (start < 0 ? 0 : steady_seconds() - start);
}

void Timer::Watch::stop() {
  before = elapsed();
  start = -1;
}

double Timer::time_elapsed(const std::string& stage) const {
  const auto found = watches_.find(stage);
  if (found == watches_.end()) {
    throw Error(
        fmt::format("Timer has no stage \"{}\"; there are train, validate and test", stage));
  }
  return found->second.elapsed();
}

std::optional<double> Timer::time_remaining() const {
  if (!options_.duration) return std::nullopt;
  return options_.duration->seconds() - time_elapsed();
}

// One that was used up before a resume stops at once.
void Timer::on_fit_start(Trainer& trainer, LightningModule&) {
  check(trainer);
}

void Timer::on_train_start(Trainer&, LightningModule&) {
  watch("train").start = steady_seconds();
}

void Timer::on_train_batch_end(Trainer& trainer, LightningModule&, const StepOutput&, const Batch&,
                               int64_t) {
  if (options_.interval == Interval::step) check(trainer);
}

void Timer::on_train_epoch_end(Trainer& trainer, LightningModule&) {
  if (options_.interval == Interval::epoch) check(trainer);
}

void Timer::on_train_end(Trainer&, LightningModule&) {
  watch("train").stop();
}

void Timer::on_validation_start(Trainer&, LightningModule&) {
  watch("validate") = {.before = 0, .start = steady_seconds()};
}

void Timer::on_validation_end(Trainer&, LightningModule&) {
  watch("validate").stop();
}

void Timer::on_test_start(Trainer&, LightningModule&) {
  watch("test") = {.before = 0, .start = steady_seconds()};
}

void Timer::on_test_end(Trainer&, LightningModule&) {
  watch("test").stop();
}

void Timer::on_exception(Trainer&, LightningModule&, const std::exception&) {
  for (auto& [stage, watch] : watches_) watch.stop();
}

void Timer::check(Trainer& trainer) const {
  const std::optional<double> remaining = time_remaining();
  if (trainer.should_stop || !remaining || !trainer.strategy().any(*remaining <= 0)) return;
  trainer.should_stop = true;
  if (!options_.verbose) return;
  info(fmt::format("Time limit reached. Elapsed time is {}. Signaling Trainer to stop.",
                   text_of(time_elapsed())));
}

course::Dict Timer::state_dict() const {
  course::Dict elapsed;
  for (const auto& [stage, watch] : watches_) elapsed.set(stage, watch.elapsed());
  return {{"time_elapsed", elapsed}};
}

void Timer::load_state_dict(const course::Dict& state) {
  const course::Dict& elapsed = course::dict(state, "time_elapsed");
  watch("train") = {.before = course::number(elapsed, "train", course::kSeconds), .start = -1};
}

}  // namespace lit
