// The schedulers of torch.optim.lr_scheduler. The order of operations is Python's, for its digits.
#include "lit/optim/schedulers.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "lit/error.h"
#include "lit/optim/scheduler_checks.h"
#include "serialize/checked.h"

namespace lit {
namespace {

using detail::at_least_one;
using detail::between;

constexpr double kPi = 3.14159265358979323846;

std::vector<double> scaled(std::vector<double> rates, double factor) {
  for (double& rate : rates) rate *= factor;
  return rates;
}

}  // namespace

// --- Those that go on from the rates of now, as in Python: what somebody else has changed in
// --- between stays changed.

StepLR::StepLR(std::shared_ptr<torch::optim::Optimizer> optimizer, int64_t step_size, double gamma)
    : LRScheduler(std::move(optimizer)), step_size_(step_size), gamma_(gamma) {
  at_least_one("step_size of StepLR", step_size);
  first_step();
}

std::vector<double> StepLR::get_lr() const {
  const bool due = last_epoch_ > 0 && last_epoch_ % step_size_ == 0;
  return scaled(learning_rates(*optimizer()), due ? gamma_ : 1);
}

MultiStepLR::MultiStepLR(std::shared_ptr<torch::optim::Optimizer> optimizer,
                         std::vector<int64_t> milestones, double gamma)
    : LRScheduler(std::move(optimizer)), milestones_(std::move(milestones)), gamma_(gamma) {
  first_step();
}

std::vector<double> MultiStepLR::get_lr() const {
  const auto times = std::count(milestones_.begin(), milestones_.end(), last_epoch_);
  return scaled(learning_rates(*optimizer()), std::pow(gamma_, times));
}

ExponentialLR::ExponentialLR(std::shared_ptr<torch::optim::Optimizer> optimizer, double gamma)
    : LRScheduler(std::move(optimizer)), gamma_(gamma) {
  first_step();
}

std::vector<double> ExponentialLR::get_lr() const {
  return scaled(learning_rates(*optimizer()), last_epoch_ == 0 ? 1 : gamma_);
}

LinearLR::LinearLR(std::shared_ptr<torch::optim::Optimizer> optimizer, LinearLROptions options)
    : LRScheduler(std::move(optimizer)), options_(options) {
  if (options.start_factor <= 0) {
    throw Error(fmt::format("start_factor of LinearLR is {}, but must be above 0 and at most 1",
                            options.start_factor));
  }
  between("start_factor of LinearLR", options.start_factor, 0, 1);
  between("end_factor of LinearLR", options.end_factor, 0, 1);
  at_least_one("total_iters of LinearLR", options.total_iters);
  first_step();
}

std::vector<double> LinearLR::get_lr() const {
  const auto& [start, end, total] = options_;
  const std::vector<double> rates = learning_rates(*optimizer());
  if (last_epoch_ == 0) return scaled(rates, start);
  if (last_epoch_ > total) return rates;
  const double before =
      static_cast<double>(total) * start + static_cast<double>(last_epoch_ - 1) * (end - start);
  return scaled(rates, 1. + (end - start) / before);
}

CosineAnnealingLR::CosineAnnealingLR(std::shared_ptr<torch::optim::Optimizer> optimizer,
                                     int64_t T_max, double eta_min)
    : LRScheduler(std::move(optimizer)), T_max_(T_max), eta_min_(eta_min) {
  at_least_one("T_max of CosineAnnealingLR", T_max);
  first_step();
}

std::vector<double> CosineAnnealingLR::get_lr() const {
  std::vector<double> rates = learning_rates(*optimizer());
  if (last_epoch_ == 0) return rates;
  const auto period = static_cast<double>(T_max_);
  const auto cosine = [&](int64_t step) {
    return 1 + std::cos(kPi * static_cast<double>(step) / period);
  };
  // Behind a minimum there is nothing to multiply.
  const bool from_minimum = (last_epoch_ - 1 - T_max_) % (2 * T_max_) == 0;
  for (size_t i = 0; i < rates.size(); ++i) {
    if (from_minimum) {
      const double base = i < base_lrs_.size() ? base_lrs_[i] : rates[i];
      rates[i] += (base - eta_min_) * (1 - std::cos(kPi / period)) / 2;
    } else {
      rates[i] = cosine(last_epoch_) / cosine(last_epoch_ - 1) * (rates[i] - eta_min_) + eta_min_;
    }
  }
  return rates;
}

// --- Those that follow from the initial rates and the step alone.

CosineAnnealingWarmRestarts::CosineAnnealingWarmRestarts(
    std::shared_ptr<torch::optim::Optimizer> optimizer, int64_t T_0, int64_t T_mult, double eta_min)
    : LRScheduler(std::move(optimizer)), T_0_(T_0), T_mult_(T_mult), eta_min_(eta_min), T_i_(T_0) {
  at_least_one("T_0 of CosineAnnealingWarmRestarts", T_0);
  at_least_one("T_mult of CosineAnnealingWarmRestarts", T_mult);
  first_step();
}

std::vector<double> CosineAnnealingWarmRestarts::get_lr() const {
  std::vector<double> rates = base_lrs_;
  for (double& rate : rates) {
    const double share = kPi * static_cast<double>(T_cur_) / static_cast<double>(T_i_);
    rate = eta_min_ + (rate - eta_min_) * (1 + std::cos(share)) / 2;
  }
  return rates;
}

void CosineAnnealingWarmRestarts::step() {
  if (++T_cur_ >= T_i_) {
    T_cur_ -= T_i_;
    T_i_ *= T_mult_;
  }
  LRScheduler::step();
}

void CosineAnnealingWarmRestarts::restart() {
  T_cur_ = 0;
  T_i_ = T_0_;
  LRScheduler::restart();
}

course::Dict CosineAnnealingWarmRestarts::state_dict() const {
  course::Dict state = LRScheduler::state_dict();
  state.set("T_cur", T_cur_);
  state.set("T_i", T_i_);
  return state;
}

void CosineAnnealingWarmRestarts::load_state_dict(const course::Dict& state) {
  const int64_t period = course::whole(state, "T_i", 1, course::kMostCounted / T_mult_);
  const int64_t step = course::whole(state, "T_cur", 0, period - 1);
  LRScheduler::load_state_dict(state);
  T_cur_ = step;
  T_i_ = period;
}

OneCycleLR::OneCycleLR(std::shared_ptr<torch::optim::Optimizer> given, OneCycleLROptions options)
    : LRScheduler(std::move(given)),
      linear_(options.anneal_strategy.of("anneal_strategy of OneCycleLR") ==
              AnnealStrategy::linear),
      cycle_momentum_(options.cycle_momentum) {
  if (options.total_steps) {
    total_steps_ = *options.total_steps;
  } else if (options.epochs && options.steps_per_epoch) {
    total_steps_ = *options.epochs * *options.steps_per_epoch;
  } else {
    throw Error(
        "OneCycleLR was not told for how many steps; give it total_steps, or epochs and "
        "steps_per_epoch");
  }
  at_least_one("the number of steps of OneCycleLR", total_steps_);
  between("pct_start of OneCycleLR", options.pct_start, 0, 1);

  auto& groups = optimizer()->param_groups();
  const size_t n = groups.size();
  const std::vector<double> top = options.max_lr.expand(n, "max_lr of OneCycleLR");
  const std::vector<double> low = options.base_momentum.expand(n, "base_momentum of OneCycleLR");
  const std::vector<double> high = options.max_momentum.expand(n, "max_momentum of OneCycleLR");
  std::vector<double> begin = top;
  for (double& rate : begin) rate /= options.div_factor;
  std::vector<double> end = begin;
  for (double& rate : end) rate /= options.final_div_factor;
  if (cycle_momentum_ && !groups.empty() && !momentum(groups.front())) {
    throw Error(
        "OneCycleLR is to cycle the momentum of an optimizer that has none; set cycle_momentum to "
        "false");
  }

  const auto steps = static_cast<double>(total_steps_);
  const double rise = options.pct_start * steps - 1;
  phases_.push_back({rise, begin, top, high, low});
  if (options.three_phase) {
    phases_.push_back({2 * options.pct_start * steps - 2, top, begin, low, high});
    phases_.push_back({steps - 1, begin, end, high, high});
  } else {
    phases_.push_back({steps - 1, top, end, low, high});
  }
  start_from(begin);
  first_step();
  set_momentums();
}

// Where the line or the cosine between two values stands in this step.
std::vector<double> OneCycleLR::now(std::vector<double> Phase::*start,
                                    std::vector<double> Phase::*end) const {
  const auto step = static_cast<double>(last_epoch_);
  double start_step = 0;
  size_t at = 0;
  while (at + 1 < phases_.size() && step > phases_[at].end_step) {
    start_step = phases_[at++].end_step;
  }
  const Phase& phase = phases_[at];
  const double share = (step - start_step) / (phase.end_step - start_step);
  std::vector<double> values = phase.*start;
  for (size_t i = 0; i < values.size(); ++i) {
    const double from = values[i], to = (phase.*end)[i];
    values[i] =
        linear_ ? (to - from) * share + from : to + (from - to) / 2.0 * (std::cos(kPi * share) + 1);
  }
  return values;
}

std::vector<double> OneCycleLR::get_lr() const {
  return now(&Phase::start_lr, &Phase::end_lr);
}

std::vector<course::Dict> OneCycleLR::in_param_groups() const {
  std::vector<course::Dict> groups = LRScheduler::in_param_groups();
  const Phase &first = phases_.front(), &last = phases_.back();
  for (size_t i = 0; i < groups.size(); ++i) {
    groups[i].set("max_lr", first.end_lr[i]);
    groups[i].set("min_lr", last.end_lr[i]);
    if (!cycle_momentum_) continue;
    groups[i].set("max_momentum", first.start_momentum[i]);
    groups[i].set("base_momentum", first.end_momentum[i]);
  }
  return groups;
}

void OneCycleLR::set_momentums() const {
  if (!cycle_momentum_) return;
  auto& groups = optimizer()->param_groups();
  const std::vector<double> values = now(&Phase::start_momentum, &Phase::end_momentum);
  for (size_t i = 0; i < std::min(values.size(), groups.size()); ++i) {
    set_momentum(groups[i], values[i]);
  }
}

void OneCycleLR::step() {
  if (last_epoch_ >= total_steps_) {
    throw Error(
        fmt::format("OneCycleLR was made for {} steps, and was stepped once more; give it the "
                    "number of optimizer steps of the whole run (estimated_stepping_batches())",
                    total_steps_));
  }
  LRScheduler::step();
  set_momentums();
}

void OneCycleLR::restart() {
  LRScheduler::restart();
  set_momentums();
}

LambdaLR::LambdaLR(std::shared_ptr<torch::optim::Optimizer> given, Lambda lr_lambda)
    : LRScheduler(std::move(given)),
      lambdas_(optimizer()->param_groups().size(), std::move(lr_lambda)) {
  first_step();
}

LambdaLR::LambdaLR(std::shared_ptr<torch::optim::Optimizer> given, std::vector<Lambda> lr_lambdas)
    : LRScheduler(std::move(given)), lambdas_(std::move(lr_lambdas)) {
  if (lambdas_.size() != base_lrs_.size()) {
    throw Error(
        fmt::format("LambdaLR was given {} functions, but the optimizer has {} parameter groups; "
                    "give it one, or one for each group",
                    lambdas_.size(), base_lrs_.size()));
  }
  first_step();
}

// Python keeps what its lambdas have in them, if they are objects.
course::Dict LambdaLR::state_dict() const {
  course::Dict state = LRScheduler::state_dict();
  state.set("lr_lambdas", course::List(base_lrs_.size()));
  return state;
}

std::vector<double> LambdaLR::get_lr() const {
  std::vector<double> rates = base_lrs_;
  for (size_t i = 0; i < rates.size(); ++i) rates[i] *= lambdas_[i](last_epoch_);
  return rates;
}

}  // namespace lit
