// MetricTracker: a metric, or a collection, over several epochs.
#include "lit/metrics/tracker.h"

#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {

MetricTracker::MetricTracker(std::shared_ptr<Metric> metric, std::optional<bool> maximize)
    : metric_(std::move(metric)) {
  if (metric_ == nullptr) throw Error("MetricTracker was given a metric that is null");
  if (!maximize) maximize = metric_->higher_is_better();
  if (!maximize) {
    throw Error("nobody can say of " + class_name(*metric_) +
                " whether more is better; tell MetricTracker by its argument maximize");
  }
  maximize_[""] = *maximize;
  register_module("metric", metric_);
}

MetricTracker::MetricTracker(std::shared_ptr<MetricCollection> metrics,
                             std::map<std::string, bool> maximize)
    : collection_(std::move(metrics)) {
  if (collection_ == nullptr)
    throw Error("MetricTracker was given a MetricCollection that is null");
  const auto items = collection_->items();
  for (const auto& [name, better] : maximize) {
    if (!items.contains(name)) {
      throw Error("maximize of MetricTracker has " + name + ", which the MetricCollection has not");
    }
  }
  maximize_ = std::move(maximize);
  for (const auto& [name, one] : items) {
    if (maximize_.contains(name)) continue;
    const std::optional<bool> better = one->higher_is_better();
    if (!better) {
      throw Error("nobody can say of " + name +
                  " whether more is better; tell MetricTracker by its argument maximize");
    }
    maximize_[name] = *better;
  }
  register_module("metrics", collection_);
}

void MetricTracker::check_step() const {
  if (steps_ > 0) return;
  throw Error("MetricTracker has no step yet; call increment() when one begins");
}

Metric& MetricTracker::of_metric(const char* other) {
  check_step();
  if (metric_ != nullptr) return *metric_;
  throw Error(std::string("MetricTracker tracks a MetricCollection; call ") + other + "()");
}

MetricCollection& MetricTracker::of_collection(const char* other) {
  check_step();
  if (collection_ != nullptr) return *collection_;
  throw Error(std::string("MetricTracker tracks one metric; call ") + other + "()");
}

MetricTracker::Values MetricTracker::now() {
  return metric_ != nullptr ? Values{{"", metric_->compute()}} : collection_->compute();
}

void MetricTracker::increment() {
  if (steps_ > 0) over_.push_back(now());
  reset();
  ++steps_;
}

torch::Tensor MetricTracker::all_of(const std::string& name) {
  std::vector<torch::Tensor> all;
  for (const Values& values : over_) all.push_back(values.at(name));
  all.push_back(now().at(name));
  return torch::stack(all);
}

torch::Tensor MetricTracker::compute_all() {
  of_metric("compute_all_of_each");
  return all_of("");
}

MetricTracker::Values MetricTracker::compute_all_of_each() {
  of_collection("compute_all");
  Values all;
  for (const auto& [name, better] : maximize_) all.emplace(name, all_of(name));
  return all;
}

MetricTracker::Best MetricTracker::best_of(const std::string& name) {
  const torch::Tensor all = all_of(name).cpu().to(torch::kFloat64);
  if (all.dim() != 1) {
    throw Error("MetricTracker finds the best of numbers, but the values of " +
                (metric_ != nullptr ? class_name(*metric_) : name) +
                " have several; set its average");
  }
  Best best{std::numeric_limits<double>::quiet_NaN(), 0};
  for (int64_t step = 0; step < all.size(0); ++step) {
    const auto value = all[step].item<double>();
    const bool better = maximize_.at(name) ? value > best.value : value < best.value;
    if (better || (std::isnan(best.value) && !std::isnan(value))) best = {value, step};
  }
  return best;
}

MetricTracker::Best MetricTracker::best_metric() {
  of_metric("best_of_each");
  return best_of("");
}

std::map<std::string, MetricTracker::Best> MetricTracker::best_of_each() {
  of_collection("best_metric");
  std::map<std::string, Best> best;
  for (const auto& [name, better] : maximize_) best.emplace(name, best_of(name));
  return best;
}

void MetricTracker::reset() {
  if (metric_ != nullptr) {
    metric_->reset();
  } else {
    collection_->reset();
  }
}

void MetricTracker::reset_all() {
  reset();
  over_.clear();
  steps_ = 0;
}

}  // namespace lit
