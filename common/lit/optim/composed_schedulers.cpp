// Schedulers that run others one after another, and the one that steps by a metric.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "lit/error.h"
#include "lit/optim/scheduler_checks.h"
#include "lit/optim/schedulers.h"
#include "serialize/checked.h"

namespace lit {
namespace {

using detail::at_least_one;
using detail::between;

// Python's SequentialLR and ReduceLROnPlateau keep no base_lrs, and the latter has no _last_lr
// before its first step.
course::Dict with_own_rates(course::Dict state, const course::Dict& own) {
  for (const char* key : {"base_lrs", "_last_lr"}) {
    if (state.find(key) == nullptr) state.set(key, own.at(key));
  }
  return state;
}

}  // namespace

// --- One after another.

SequentialLR::SequentialLR(std::shared_ptr<torch::optim::Optimizer> given, Schedulers schedulers,
                           std::vector<int64_t> milestones)
    : LRScheduler(std::move(given)),
      schedulers_(std::move(schedulers)),
      milestones_(std::move(milestones)) {
  if (schedulers_.empty() || milestones_.size() + 1 != schedulers_.size()) {
    throw Error(
        fmt::format("SequentialLR was given {} schedulers and {} milestones; it needs one "
                    "milestone less than schedulers",
                    schedulers_.size(), milestones_.size()));
  }
  if (std::adjacent_find(milestones_.begin(), milestones_.end(), std::greater_equal<>()) !=
      milestones_.end()) {
    throw Error("the milestones of SequentialLR must rise");
  }
  for (const auto& one : schedulers_) {
    if (one == nullptr || one->optimizer() != optimizer()) {
      throw Error("SequentialLR was given a scheduler that is null, or of another optimizer");
    }
    if (one->needs_metric()) {
      throw Error("SequentialLR was given a scheduler that steps by a metric; it has none");
    }
  }
  restart();
}

std::vector<double> SequentialLR::get_lr() const {
  return learning_rates(*optimizer());
}

void SequentialLR::restart() {
  last_epoch_ = 0;
  apply(base_lrs_);
  schedulers_.front()->restart();
  apply(get_lr());
}

void SequentialLR::step() {
  ++last_epoch_;
  const auto behind = std::upper_bound(milestones_.begin(), milestones_.end(), last_epoch_);
  LRScheduler& scheduler = *schedulers_[static_cast<size_t>(behind - milestones_.begin())];
  if (behind != milestones_.begin() && *std::prev(behind) == last_epoch_) {
    scheduler.restart();
  } else {
    scheduler.step();
  }
  apply(get_lr());
}

std::vector<course::Dict> SequentialLR::in_param_groups() const {
  std::vector<course::Dict> groups = LRScheduler::in_param_groups();
  for (const auto& one : schedulers_) {
    const std::vector<course::Dict> others = one->in_param_groups();
    for (size_t i = 0; i < std::min(groups.size(), others.size()); ++i) {
      for (const auto& [key, value] : others[i]) groups[i].set(key, value);
    }
  }
  return groups;
}

course::Dict SequentialLR::state_dict() const {
  course::List states;
  for (const auto& one : schedulers_) states.emplace_back(one->state_dict());
  course::Dict state = LRScheduler::state_dict();
  state.set("_schedulers", states);
  return state;
}

void SequentialLR::load_state_dict(const course::Dict& state) {
  const course::List& states = course::list(state, "_schedulers");
  if (states.size() != schedulers_.size()) {
    throw Error(fmt::format("a SequentialLR of {} schedulers was given the state of {}",
                            schedulers_.size(), states.size()));
  }
  LRScheduler::load_state_dict(with_own_rates(state, LRScheduler::state_dict()));
  for (size_t i = 0; i < states.size(); ++i) {
    const std::string name = fmt::format("_schedulers[{}]", i);
    const course::Dict& one = course::dict(states[i], name);
    course::within(name, [&] { schedulers_[i]->load_state_dict(one); });
  }
}

// --- By a metric.

ReduceLROnPlateau::ReduceLROnPlateau(std::shared_ptr<torch::optim::Optimizer> optimizer,
                                     ReduceLROnPlateauOptions options)
    : LRScheduler(std::move(optimizer)),
      options_(std::move(options)),
      minimize_(options_.mode.of("mode of ReduceLROnPlateau") == MonitorMode::min),
      best_(worst()) {
  options_.threshold_mode.of("threshold_mode of ReduceLROnPlateau");
  if (!(options_.factor < 1)) {
    throw Error(
        fmt::format("factor of ReduceLROnPlateau is {}, but must be below 1", options_.factor));
  }
  last_epoch_ = 0;
}

double ReduceLROnPlateau::worst() const {
  return (minimize_ ? 1 : -1) * std::numeric_limits<double>::infinity();
}

std::vector<double> ReduceLROnPlateau::get_lr() const {
  return learning_rates(*optimizer());
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const double sign = minimize_ ? -1 : 1;
  const double bar = options_.threshold_mode == ThresholdMode::rel
                         ? best_ * (1 + sign * options_.threshold)
                         : best_ + sign * options_.threshold;
  return minimize_ ? metric < bar : metric > bar;
}

void ReduceLROnPlateau::step() {
  throw Error("ReduceLROnPlateau steps by a metric; name it as the monitor of its config");
}

void ReduceLROnPlateau::step(double metric) {
  ++last_epoch_;
  if (is_better(metric)) {
    best_ = metric;
    bad_epochs_ = 0;
  } else {
    ++bad_epochs_;
  }
  if (cooldown_left_ > 0) {
    --cooldown_left_;
    bad_epochs_ = 0;
  }
  std::vector<double> rates = learning_rates(*optimizer());
  if (bad_epochs_ > options_.patience) {
    const auto lowest = options_.min_lr.expand(rates.size(), "min_lr of ReduceLROnPlateau");
    for (size_t i = 0; i < rates.size(); ++i) {
      const double lower = std::max(rates[i] * options_.factor, lowest[i]);
      if (rates[i] - lower > options_.eps) rates[i] = lower;
    }
    cooldown_left_ = options_.cooldown;
    bad_epochs_ = 0;
  }
  apply(std::move(rates));
}

void ReduceLROnPlateau::restart() {
  last_epoch_ = 0;
  best_ = worst();
  bad_epochs_ = cooldown_left_ = 0;
  apply(base_lrs_);
}

course::Dict ReduceLROnPlateau::state_dict() const {
  course::Dict state = LRScheduler::state_dict();
  state.set("best", best_);
  state.set("num_bad_epochs", bad_epochs_);
  state.set("cooldown_counter", cooldown_left_);
  return state;
}

void ReduceLROnPlateau::load_state_dict(const course::Dict& state) {
  LRScheduler::load_state_dict(with_own_rates(state, LRScheduler::state_dict()));
  best_ = course::number(state, "best", course::kAnyScore);
  bad_epochs_ = course::whole(state, "num_bad_epochs");
  cooldown_left_ = course::whole(state, "cooldown_counter");
}

}  // namespace lit
