// What is logged in a run: from log() to monitors, the progress bar and the loggers.
#include "lit/run/log_session.h"

#include <spdlog/fmt/fmt.h>

#include <utility>

#include "lit/core/module.h"
#include "lit/error.h"
#include "lit/metrics/metric.h"
#include "serialize/checked.h"

namespace lit {

void LogSession::log(const std::string& name, const LogValue& value, const LogOptions& options) {
  const LogOptions settled = settle(name, options);
  show(results().log(moment_.hook, name, moment_.dataloader_idx, value, settled, moment_.batch));
}

// A metric that is not a part of the module stays on the CPU when the module moves, and nobody
// would know whose it is.
void LogSession::log(const std::string& name, const std::shared_ptr<Metric>& metric,
                     const LogOptions& options) {
  const LogOptions settled = settle(name, options);
  if (parts_.count(metric.get()) == 0) {
    std::string known;
    for (const auto& part : module_.named_modules()) {
      const auto* one = dynamic_cast<const Metric*>(part.value().get());
      if (one == nullptr) continue;
      parts_.insert(one);
      known += " " + part.key();
    }
    if (parts_.count(metric.get()) == 0) {
      throw Error(fmt::format(
          "log(\"{}\") was given a metric that {}; the module's metrics are:{}", name,
          metric == nullptr ? "is null"
                            : "is not a part of the module: make it one by register_module()",
          known.empty() ? " none" : known));
    }
  }
  show(results().log(moment_.hook, name, moment_.dataloader_idx, metric, settled));
}

// The options of a log() in the hook that runs now.
LogOptions LogSession::settle(const std::string& name, const LogOptions& options) const {
  const LogRule rule = log_rule(moment_.hook);
  if (!rule.allowed || state_.status != TrainerState::Status::running) {
    throw Error(
        fmt::format("log(\"{}\") cannot be called in {}; log in a step, in a batch hook, or "
                    "in a hook of an epoch's start or end",
                    name, name_of(moment_.hook)));
  }
  LogOptions settled = options;
  if (!settled.on_step) settled.on_step = rule.on_step;
  if (!settled.on_epoch) settled.on_epoch = rule.on_epoch;
  if (*settled.on_step && !rule.step_is_allowed) {
    throw Error(fmt::format("log(\"{}\") has on_step in {}, where there is no step; leave it out",
                            name, name_of(moment_.hook)));
  }
  if (!*settled.on_step && !*settled.on_epoch) {
    throw Error(fmt::format("log(\"{}\") has neither on_step nor on_epoch; set one of them", name));
  }
  if (options.add_dataloader_idx && name.find("/dataloader_idx_") != std::string::npos) {
    throw Error(
        fmt::format("log(\"{}\"): the number of the loader is added to the name by itself; "
                    "leave it out, or set add_dataloader_idx to false",
                    name));
  }
  return settled;
}

void LogSession::show(const Results::Entry& entry) {
  Results::route(entry, steps_, in_training(), sinks());
}

void LogSession::log_metrics(const LoggedMetrics& metrics, int64_t step, bool for_monitors) {
  if (for_monitors) {
    for (const auto& [name, value] : metrics) callback_.insert_or_assign(name, value);
  }
  send(metrics, step, /*with_epoch=*/false);
}

void LogSession::clear() {
  training_.reset();
  evaluation_.reset();
  current_ = Values::of_none;
  steps_ = true;
  callback_.clear();
  logged_.clear();
  bar_.clear();
}

bool LogSession::is_due() const {
  const int64_t every = log_every_n_steps_;
  return every > 0 && ((progress_.batches_that_stepped + 1) % every == 0 || limits_.should_stop);
}

// One row for the loggers. A metric that is called "step" is the step.
void LogSession::send(LoggedMetrics row, int64_t step, bool with_epoch) {
  if (loggers_.empty() || row.empty()) return;
  const auto own_step = row.find("step");
  if (own_step != row.end()) {
    step = static_cast<int64_t>(own_step->second.value());
    row.erase(own_step);
    with_epoch = false;
  }
  std::map<std::string, double> numbers;
  for (const auto& [name, value] : row) numbers.emplace(name, value.value());
  if (with_epoch) numbers.emplace("epoch", static_cast<double>(progress_.current_epoch));
  for (const auto& logger : loggers_) {
    logger->log_metrics(numbers, step);
    logger->save();
  }
}

// --- Training ---------------------------------------------------------------------------------

void LogSession::begin_training() {
  current_ = Values::of_training;
  steps_ = true;
}

void LogSession::end_training_step(bool due) {
  if (!due || loggers_.empty()) return;
  LoggedMetrics row;
  training_.collect(/*on_step=*/true, /*training=*/true, sinks(&row));
  send(std::move(row), progress_.batches_that_stepped, /*with_epoch=*/true);
}

void LogSession::end_training_steps() {
  training_.collect(/*on_step=*/true, /*training=*/true, sinks());
  training_.collect(/*on_step=*/false, /*training=*/true, sinks());
  steps_ = false;
}

void LogSession::collect_training_epoch() {
  row_.clear();
  training_.collect(/*on_step=*/false, /*training=*/true, sinks(&row_));
}

void LogSession::end_training_epoch() {
  send(std::exchange(row_, {}), progress_.batches_that_stepped - 1, /*with_epoch=*/true);
  training_.reset();
}

// --- Evaluation -------------------------------------------------------------------------------

void LogSession::begin_evaluation() {
  // What of a training step was logged before its value was there.
  if (in_training()) training_.collect(/*on_step=*/true, /*training=*/true, sinks());
  evaluation_.reset();
  current_ = Values::of_evaluation;
  steps_ = true;
}

void LogSession::end_evaluation_step(int64_t loader, int64_t step) {
  if (loggers_.empty()) return;
  LoggedMetrics row;
  evaluation_.collect(/*on_step=*/true, /*training=*/false, {.row = &row}, loader);
  send(std::move(row), step, /*with_epoch=*/false);
}

void LogSession::end_evaluation_steps() {
  evaluation_.collect(/*on_step=*/true, /*training=*/false, sinks());
  evaluation_.collect(/*on_step=*/false, /*training=*/false, sinks());
  steps_ = false;
}

void LogSession::end_evaluation_epoch() {
  LoggedMetrics row;
  evaluation_.collect(/*on_step=*/false, /*training=*/false, sinks(&row));
  if (state_.stage == TrainerState::Stage::sanity_checking) return;
  send(std::move(row), progress_.batches_that_stepped, /*with_epoch=*/true);
}

// For each loader the values of the epoch as a whole, and its own.
std::vector<Scores> LogSession::scores(size_t loaders) const {
  std::vector<Scores> scores(loaders);
  for (size_t i = 0; i < loaders; ++i) {
    LoggedMetrics metrics;
    const Results::Sinks into{.callback = &metrics};
    evaluation_.collect(/*on_step=*/false, /*training=*/false, into, -1);
    if (loaders > 1) {
      evaluation_.collect(/*on_step=*/false, /*training=*/false, into, static_cast<int64_t>(i));
    }
    for (const auto& [name, value] : metrics) scores[i].emplace(name, value.value());
  }
  return scores;
}

void LogSession::end_evaluation() {
  evaluation_.reset();
}

// --- For a checkpoint -------------------------------------------------------------------------

course::Dict LogSession::state_dict(const std::map<const Metric*, std::string>& names) const {
  return {{"callback_metrics", state_of(callback_)},
          {"logged_metrics", state_of(logged_)},
          {"progress_bar_metrics", state_of(bar_)},
          {"results", training_.state_dict(names)}};
}

void LogSession::load_state_dict(const course::Dict& state,
                                 const std::map<std::string, std::shared_ptr<Metric>>& metrics) {
  const auto shown = [&](const char* key) {
    return course::within(key, [&] { return metrics_of(course::dict(state, key)); });
  };
  callback_ = shown("callback_metrics");
  logged_ = shown("logged_metrics");
  bar_ = shown("progress_bar_metrics");
  training_.load_state_dict(course::dict(state, "results"), metrics);
}

}  // namespace lit
