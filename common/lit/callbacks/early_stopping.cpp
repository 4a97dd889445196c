// EarlyStopping: ends a fit when a metric does not get better any more.
#include "lit/callbacks/early_stopping.h"

#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <utility>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/checked.h"

namespace lit {

EarlyStopping::EarlyStopping(Options options)
    : options_(std::move(options)),
      minimize_(options_.mode.of("mode of EarlyStopping") == MonitorMode::min) {
  best_score_ = (minimize_ ? 1 : -1) * std::numeric_limits<double>::infinity();
  if (options_.monitor.empty()) {
    throw Error("EarlyStopping needs the name of a metric, as in {.monitor = \"val_loss\"}");
  }
  if (options_.patience < 0) {
    throw Error(
        fmt::format("patience of EarlyStopping is {}, but must be at least 0", options_.patience));
  }
}

std::string EarlyStopping::state_key() const {
  return fmt::format("{}{{'monitor': '{}', 'mode': '{}'}}", Callback::state_key(), options_.monitor,
                     options_.mode.word());
}

course::Dict EarlyStopping::state_dict() const {
  return {{"wait_count", wait_count_},
          {"stopped_epoch", stopped_epoch_},
          {"best_score", torch::scalar_tensor(best_score_, torch::kFloat64)},
          {"patience", options_.patience},
          {"stopping_reason", static_cast<int64_t>(reason_)},
          {"stopping_reason_message",
           reason_message_.empty() ? course::Value() : course::Value(reason_message_)},
          {"best_epoch", best_epoch_}};
}

void EarlyStopping::load_state_dict(const course::Dict& state) {
  wait_count_ = course::whole(state, "wait_count");
  stopped_epoch_ = course::whole(state, "stopped_epoch");
  best_score_ = course::number(state, "best_score", course::kAnyScore);
  if (state.find("stopping_reason") != nullptr) {
    constexpr auto kLast = static_cast<int64_t>(Reason::non_finite);
    reason_ = static_cast<Reason>(course::whole(state, "stopping_reason", 0, kLast));
    loaded_ = true;
  }
  const course::Value* message = state.find("stopping_reason_message");
  if (message != nullptr && !message->is_none()) {
    reason_message_ = course::text(state, "stopping_reason_message");
  }
  if (state.find("best_epoch") != nullptr) best_epoch_ = course::whole(state, "best_epoch");
  // The patience that was given now counts, not the checkpoint's: there may be more of it.
  if (reason_ == Reason::patience_exhausted && wait_count_ < options_.patience) {
    reason_ = Reason::not_stopped;
    reason_message_.clear();
    stopped_epoch_ = 0;
  }
}

void EarlyStopping::setup(Trainer& trainer, LightningModule&, const std::string&) {
  loaded_ = false;
  const TrainerOptions& options = trainer.options();
  const auto* share = std::get_if<double>(&options.val_check_interval);
  const bool once_an_epoch =
      share != nullptr && *share == 1.0 && options.check_val_every_n_epoch.value_or(0) == 1;
  on_train_epoch_end_ = options_.check_on_train_epoch_end.value_or(once_an_epoch);
}

void EarlyStopping::on_fit_start(Trainer& trainer, LightningModule&) {
  if (!std::exchange(loaded_, false) || reason_ == Reason::not_stopped) return;
  trainer.should_stop = true;
  info(
      fmt::format("{} had stopped this run in epoch {}, and it stays stopped; to go on, give it "
                  "more patience or leave it out",
                  Callback::state_key(), stopped_epoch_));
}

void EarlyStopping::on_train_epoch_end(Trainer& trainer, LightningModule&) {
  if (on_train_epoch_end_) run(trainer);
}

void EarlyStopping::on_validation_end(Trainer& trainer, LightningModule&) {
  if (!on_train_epoch_end_) run(trainer);
}

void EarlyStopping::run(Trainer& trainer) {
  const bool in_fit = trainer.state().fn == TrainerState::Fn::fit;
  if (!in_fit || trainer.sanity_checking() || trainer.fast_dev_run()) return;
  const std::optional<double> current = monitored(trainer);
  if (!current) return;
  const double best_before = best_score_;
  const Decision decision = evaluate(*current);
  if (best_score_ != best_before) best_epoch_ = trainer.current_epoch();
  if (options_.verbose && !decision.message.empty()) info(decision.message);
  if (!trainer.strategy().any(decision.stop)) return;
  trainer.should_stop = true;
  stopped_epoch_ = trainer.current_epoch();
  reason_ = decision.reason;
  reason_message_ = decision.message;
  if (!options_.verbose) {
    info(fmt::format("stopped by {}: {}", Callback::state_key(), why_stopped(*current)));
  }
}

// "val_loss not better for 6 checks; best 0.0025 in epoch 30"
std::string EarlyStopping::why_stopped(double current) const {
  const auto of = [&](const char* what, std::optional<double> threshold) {
    return fmt::format("{} {:.4g} is {} {:.4g}", options_.monitor, current, what,
                       threshold.value_or(0));
  };
  std::string text;
  switch (reason_) {
    case Reason::patience_exhausted:
      text = fmt::format("{} not better for {} check{}", options_.monitor, wait_count_,
                         wait_count_ == 1 ? "" : "s");
      break;
    case Reason::stopping_threshold:
      text = of("better than stopping_threshold", options_.stopping_threshold);
      break;
    case Reason::divergence_threshold:
      text = of("worse than divergence_threshold", options_.divergence_threshold);
      break;
    case Reason::non_finite:
      text = fmt::format("{} is {} in epoch {}", options_.monitor, current, stopped_epoch_);
      break;
    case Reason::not_stopped:  // a class derived from it has its own
      text = reason_message_.empty() ? fmt::format("{} {:.4g}", options_.monitor, current)
                                     : reason_message_;
      break;
  }
  if (std::isfinite(best_score_))
    text += fmt::format("; best {:.4g} in epoch {}", best_score_, best_epoch_);
  return text;
}

std::optional<double> EarlyStopping::monitored(Trainer& trainer) {
  const LoggedMetrics& metrics = trainer.callback_metrics();
  const auto found = metrics.find(options_.monitor);
  if (found != metrics.end()) return found->second.value();
  std::string names;
  for (const auto& [name, value] : metrics) names += (names.empty() ? "`" : "`, `") + name;
  const std::string text = fmt::format(
      "Early stopping conditioned on metric `{}` which is not available. Pass in or modify your "
      "`EarlyStopping` callback to use any of the following: {}",
      options_.monitor, names.empty() ? "(nothing was logged)" : names + "`");
  if (options_.strict) throw Error(text);
  if (options_.verbose) warn(text);
  return std::nullopt;
}

EarlyStopping::Decision EarlyStopping::evaluate(double current) {
  const std::string& monitor = options_.monitor;
  const char* sign = minimize_ ? "<" : ">";
  if (options_.check_finite && !std::isfinite(current)) {
    return {true, Reason::non_finite,
            fmt::format("Monitored metric {} = {} is not finite. Previous best value was {:.3f}. "
                        "Signaling Trainer to stop.",
                        monitor, std::isnan(current) ? std::abs(current) : current, best_score_)};
  }
  if (options_.stopping_threshold && better(current, *options_.stopping_threshold)) {
    return {true, Reason::stopping_threshold,
            fmt::format("Stopping threshold reached: {} = {} {} {}. Signaling Trainer to stop.",
                        monitor, current, sign, *options_.stopping_threshold)};
  }
  if (options_.divergence_threshold && better(*options_.divergence_threshold, current)) {
    return {true, Reason::divergence_threshold,
            fmt::format("Divergence threshold reached: {} = {} {} {}. Signaling Trainer to stop.",
                        monitor, current, minimize_ ? ">" : "<", *options_.divergence_threshold)};
  }
  const double delta = minimize_ ? -std::abs(options_.min_delta) : std::abs(options_.min_delta);
  if (better(current - delta, best_score_)) {
    const bool first = !std::isfinite(best_score_);
    const double by = std::abs(best_score_ - current);
    best_score_ = current;
    wait_count_ = 0;
    return {false, Reason::not_stopped,
            first ? fmt::format("Metric {} improved. New best score: {:.3f}", monitor, current)
                  : fmt::format("Metric {} improved by {:.3f} >= min_delta = {}. New best score: "
                                "{:.3f}",
                                monitor, by, std::abs(options_.min_delta), current)};
  }
  if (++wait_count_ < options_.patience) return {};
  return {true, Reason::patience_exhausted,
          fmt::format("Monitored metric {} did not improve in the last {} records. Best score: "
                      "{:.3f}. Signaling Trainer to stop.",
                      monitor, wait_count_, best_score_)};
}

}  // namespace lit
