// Learning rates over time: the base that the Trainer steps, and the two that it treats apart.
#include "lit/optim/lr_scheduler.h"

#include <limits>
#include <string>
#include <utility>

#include "lit/error.h"

namespace lit {

std::vector<double> learning_rates(const torch::optim::Optimizer& optimizer) {
  std::vector<double> rates;
  for (const auto& group : optimizer.param_groups()) rates.push_back(group.options().get_lr());
  return rates;
}

void set_learning_rates(torch::optim::Optimizer& optimizer, const std::vector<double>& rates) {
  auto& groups = optimizer.param_groups();
  if (groups.size() != rates.size()) {
    throw Error("the optimizer has " + std::to_string(groups.size()) +
                " parameter groups, but was given " + std::to_string(rates.size()) +
                " learning rates; give one for each");
  }
  for (size_t i = 0; i < rates.size(); ++i) groups[i].options().set_lr(rates[i]);
}

LRScheduler::LRScheduler(std::shared_ptr<torch::optim::Optimizer> optimizer)
    : optimizer_(std::move(optimizer)) {
  if (optimizer_ == nullptr) throw Error("a scheduler was given an optimizer that is null");
  base_lrs_ = learning_rates(*optimizer_);
  last_lr_ = base_lrs_;
}

void LRScheduler::first_step() {
  last_epoch_ = 0;
  apply(get_lr());
}

void LRScheduler::apply(std::vector<double> rates) {
  set_learning_rates(*optimizer_, rates);
  last_lr_ = std::move(rates);
}

void LRScheduler::step() {
  ++last_epoch_;
  apply(get_lr());
}

void LRScheduler::step(double) {
  step();
}

course::Dict LRScheduler::state_dict() const {
  course::List base, last;
  for (const double rate : base_lrs_) base.emplace_back(rate);
  for (const double rate : last_lr_) last.emplace_back(rate);
  return {{"base_lrs", base}, {"last_epoch", last_epoch_}, {"_last_lr", last}};
}

void LRScheduler::load_state_dict(const course::Dict& state) {
  const auto numbers = [](const course::Value& list) {
    std::vector<double> values;
    for (const course::Value& value : list.as_list()) values.push_back(value.as_double());
    return values;
  };
  base_lrs_ = numbers(state.at("base_lrs"));
  last_epoch_ = state.at("last_epoch").as_int();
  last_lr_ = numbers(state.at("_last_lr"));
}

StepLR::StepLR(std::shared_ptr<torch::optim::Optimizer> optimizer, int64_t step_size, double gamma)
    : LRScheduler(std::move(optimizer)), step_size_(step_size), gamma_(gamma) {
  if (step_size < 1) {
    throw Error("step_size of StepLR is " + std::to_string(step_size) + ", but must be at least 1");
  }
  first_step();
}

std::vector<double> StepLR::get_lr() const {
  // From the rates of now, as in Python: what somebody else has changed in between stays changed.
  std::vector<double> rates = learning_rates(*optimizer());
  if (last_epoch_ == 0 || last_epoch_ % step_size_ != 0) return rates;
  for (double& rate : rates) rate *= gamma_;
  return rates;
}

ReduceLROnPlateau::ReduceLROnPlateau(std::shared_ptr<torch::optim::Optimizer> optimizer,
                                     ReduceLROnPlateauOptions options)
    : LRScheduler(std::move(optimizer)),
      options_(options),
      best_((options.minimize ? 1 : -1) * std::numeric_limits<double>::infinity()) {
  if (!(options.factor < 1)) {
    throw Error("factor of ReduceLROnPlateau is " + std::to_string(options.factor) +
                ", but must be below 1");
  }
  last_epoch_ = 0;
}

std::vector<double> ReduceLROnPlateau::get_lr() const {
  return learning_rates(*optimizer());
}

bool ReduceLROnPlateau::is_better(double metric) const {
  const double sign = options_.minimize ? -1 : 1;
  const double bar = options_.relative ? best_ * (1 + sign * options_.threshold)
                                       : best_ + sign * options_.threshold;
  return options_.minimize ? metric < bar : metric > bar;
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
    for (double& rate : rates) {
      const double lower = std::max(rate * options_.factor, options_.min_lr);
      if (rate - lower > options_.eps) rate = lower;
    }
    cooldown_left_ = options_.cooldown;
    bad_epochs_ = 0;
  }
  apply(std::move(rates));
}

course::Dict ReduceLROnPlateau::state_dict() const {
  course::Dict state = LRScheduler::state_dict();
  state.set("best", best_);
  state.set("num_bad_epochs", bad_epochs_);
  state.set("cooldown_counter", cooldown_left_);
  return state;
}

void ReduceLROnPlateau::load_state_dict(const course::Dict& state) {
  LRScheduler::load_state_dict(state);
  best_ = state.at("best").as_double();
  bad_epochs_ = state.at("num_bad_epochs").as_int();
  cooldown_left_ = state.at("cooldown_counter").as_int();
}

}  // namespace lit
