// Training, top to bottom.
#include "lit/loops/fit_loop.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <utility>

#include "lit/core/clock.h"
#include "lit/core/messages.h"
#include "lit/core/random_state.h"
#include "lit/error.h"
#include "terminal/interrupt.h"

namespace lit {

FitLoop::FitLoop(const Parts& parts)
    : parts_(parts),
      progress_(parts.progress),
      automatic_step_(parts.hooks, parts.strategy, parts.optimization, parts.progress, parts.limits,
                      parts.config.options.detect_anomaly),
      manual_step_(parts.hooks, parts.strategy, parts.progress),
      rules_(parts.config, parts.limits, parts.progress) {}

// region run
void FitLoop::run(bool keeps_state) {
  keeps_state_ = keeps_state;
  const bool begins_in_epoch = resumes_in_epoch();
  sanity_check();
  parts_.state.stage = TrainerState::Stage::training;
  parts_.log.begin_training();
  parts_.training_data.load_if_needed();
  if (!begins_in_epoch && rules_.fit_is_over(parts_.training_data.batches())) return;
  // Without a source of loaders the request warns of it; else it waits for its first epoch.
  if (rules_.validates_in_this_epoch() || !parts_.validation.has_loaders()) {
    parts_.validation.load_if_needed();
  }
  warn_of_modes();
  std::optional<torch::autograd::DetectAnomalyGuard> anomaly;
  if (parts_.config.options.detect_anomaly) anomaly.emplace();

  parts_.hooks.on_train_start();
  validation_clock_ = steady_seconds();
  if (resume_ && !begins_in_epoch) {
    std::exchange(resume_, std::nullopt)->restore_random_streams(parts_.strategy.root_device());
  }
  while (resume_ || !rules_.fit_is_over(parts_.training_data.batches())) {
    parts_.training_data.load_if_needed();  // again every n epochs
    const Place from = resume_ ? resume_->from : Place::epoch_start;
    if (from == Place::epoch_start) parts_.hooks.on_train_epoch_start();
    run_epoch();
    parts_.log.end_training_steps();
    progress_.place = Place::epoch_end;
    if (from != Place::epoch_end) parts_.hooks.on_train_epoch_end();
    finish_epoch();
  }
  parts_.hooks.on_train_end();
}
// endregion

// Runs a few validation batches before training, so that a bug in validation shows up at once and
// not after an hour. Its logged values are dropped and its random draws undone.
void FitLoop::sanity_check() {
  const int64_t steps = parts_.config.options.num_sanity_val_steps;
  if (steps == 0 || parts_.config.fast_dev_run() || !parts_.data.validates() ||
      progress_.global_step > 0 || resumes_in_epoch()) {
    return;
  }
  const KeepRandomState random(parts_.strategy.root_device());
  parts_.state.stage = TrainerState::Stage::sanity_checking;
  parts_.hooks.on_sanity_check_start();
  parts_.validation.load_if_needed();
  parts_.validation.run(steps < 0 ? kUnlimited : steps);
  parts_.hooks.on_sanity_check_end();
  parts_.log.clear();
}

// Lightning leaves modes alone; a part left in evaluation mode by mistake is easily overlooked.
void FitLoop::warn_of_modes() const {
  int64_t count = 0;
  for (const auto& part : parts_.hooks.the_module().modules()) count += part->is_training() ? 0 : 1;
  if (count == 0) return;
  warn(
      fmt::format("{} of the module's parts are in evaluation mode when training starts; call "
                  "train() before fit() if they should not be",
                  count));
}

void FitLoop::run_epoch() {
  const Profiler::Scope timed = parts_.hooks.timed("run_training_epoch");
  parts_.log.begin_training();
  progress_.rest_is_skipped = false;
  if (!resume_) {
    begin_epoch();
  } else {
    const bool is_over = resume_->from == Place::epoch_end;
    resume_epoch(*std::exchange(resume_, std::nullopt));
    if (is_over) return;
  }
  while (!rules_.epoch_is_over()) {
    course::throw_if_interrupted();
    std::optional<Batch> batch = parts_.training_data.next();
    if (!batch) {
      if (progress_.batch_idx < 0) {
        throw Error("the train loader gave no batch; is its data set empty, or used up?");
      }
      break;
    }
    ++progress_.batch_idx;
    ++progress_.total_batch_idx;
    progress_.is_last_batch = parts_.training_data.is_last();
    run_batch(std::move(*batch));
    parts_.hooks.profiler_step();
    if (progress_.rest_is_skipped) break;
    finish_batch(/*validated=*/false);
  }
}

void FitLoop::begin_epoch() {
  progress_.batch_idx = -1;
  progress_.batches_done = 0;
  progress_.steps_before_epoch = progress_.global_step;
  progress_.scheduler_steps_before_epoch = progress_.scheduler_steps;
  progress_.is_last_batch = false;
  parts_.training_data.begin_epoch(keeps_state_);
  progress_.place = Place::batch_start;
}

// Runs after on_train_start, so that what that hook draws does not move the restored streams.
void FitLoop::resume_epoch(ResumePoint point) {
  progress_.batch_idx = progress_.batches_done - 1;
  progress_.place = point.from;
  // Without further batches the loader's place does not matter, and it may differ by now.
  if (point.from != Place::epoch_end && !progress_.is_last_batch) {
    parts_.training_data.resume_epoch(keeps_state_, point.loader(), point.path);
  }
  point.restore_gradients(parts_.hooks.the_module());
  point.restore_random_streams(parts_.strategy.root_device());
  if (point.from == Place::batch_end) log_step();
  // Lightning's counters look the same if fetching the next batch failed.
  if (point.by_counters_alone && point.from == Place::validated && !progress_.is_last_batch &&
      !validation_is_due()) {
    progress_.place = point.from = Place::batch_start;
  }
  if (point.from != Place::batch_start && point.from != Place::epoch_end) {
    finish_batch(/*validated=*/point.from == Place::validated);
  }
}

void FitLoop::run_batch(Batch given) {
  const Profiler::Scope timed = parts_.hooks.timed("run_training_batch");
  const int64_t batch_idx = progress_.batch_idx;
  if (given.empty()) {  // Python's None
    warn("the train loader gave an empty batch; it is skipped");
    progress_.batches_done = batch_idx + 1;
    progress_.place = Place::batch_end;
    parts_.hooks.on_train_batch_end({}, given, batch_idx);
    progress_.place = Place::batch_logged;
    return;
  }
  const Batch batch = parts_.data.transfer(std::move(given), 0);
  const During<const Batch*> of_batch(parts_.moment.batch, &batch);
  if (parts_.hooks.on_train_batch_start(batch, batch_idx) == -1) {
    progress_.rest_is_skipped = true;  // this was the epoch's last batch
    step_schedulers(Interval::epoch, /*plateau=*/false);
    return;
  }
  const bool automatic = parts_.hooks.the_module().automatic_optimization;
  const StepOutput outputs = automatic ? automatic_step_.run(batch) : manual_step_.run(batch);
  step_schedulers(Interval::step, /*plateau=*/false);
  if (progress_.is_last_batch) step_schedulers(Interval::epoch, /*plateau=*/false);
  progress_.has_trained = true;
  progress_.batches_done = batch_idx + 1;
  progress_.place = Place::batch_end;
  parts_.hooks.on_train_batch_end(outputs, batch, batch_idx);
  log_step();
  progress_.place = Place::batch_logged;
}

// Work that follows a batch's hooks: validation, schedulers, counters.
void FitLoop::finish_batch(bool validated) {
  if (!validated && validation_is_due()) validate();
  progress_.place = Place::validated;
  step_schedulers(Interval::step, /*plateau=*/true);
  if (!only_accumulates()) ++progress_.batches_that_stepped;
  progress_.place = Place::batch_start;
}

void FitLoop::validate() {
  if (!only_accumulates()) {
    parts_.hooks.module(Hook::on_validation_model_zero_grad,
                        [](LightningModule& module) { module.on_validation_model_zero_grad(); });
  }
  parts_.state.stage = TrainerState::Stage::validating;
  parts_.validation.load_if_needed();
  parts_.validation.run(kUnlimited, [this] { progress_.place = Place::validated; });
  parts_.state.stage = TrainerState::Stage::training;
  parts_.log.begin_training();
  validation_clock_ = steady_seconds();
}

// Runs after the epoch-end hooks, so that plateau schedulers see their metrics.
void FitLoop::finish_epoch() {
  parts_.log.collect_training_epoch();
  if (progress_.is_last_batch || progress_.rest_is_skipped) {
    step_schedulers(Interval::epoch, /*plateau=*/true);
  }
  parts_.log.end_training_epoch();
  ++progress_.current_epoch;
  progress_.batches_done = 0;
  progress_.place = Place::epoch_start;
}

// Steps the schedulers due at `interval`; `plateau` selects the metric-driven ones.
void FitLoop::step_schedulers(Interval interval, bool plateau) {
  const bool by_step = interval == Interval::step;
  if (by_step && only_accumulates()) return;
  // For the frequency of schedulers: batches are counted within their epoch.
  const int64_t count = 1 + (by_step ? progress_.batch_idx : progress_.current_epoch);
  parts_.optimization.step_schedulers(interval, plateau, count, parts_.log);
}

// Sends the values of this batch to the loggers, every log_every_n_steps.
void FitLoop::log_step() {
  parts_.log.end_training_step(!only_accumulates() && parts_.log.is_due());
}

bool FitLoop::resumes_in_epoch() const {
  return resume_ && resume_->from != Place::epoch_start;
}

bool FitLoop::only_accumulates() const {
  return progress_.accumulates(parts_.limits.accumulate_grad_batches);
}

bool FitLoop::validation_is_due() const {
  return parts_.data.validates() && parts_.validation.has_loaders() &&
         rules_.validation_is_due(parts_.training_data.val_check_batches(), validation_clock_);
}

}  // namespace lit
