// MetricTracker: one metric over several epochs.
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
  maximize_ = *maximize;
  register_module("metric", metric_);
}

Metric& MetricTracker::current() {
  if (steps_ == 0) {
    throw Error("MetricTracker has no step yet; call increment() when one begins");
  }
  return *metric_;
}

void MetricTracker::increment() {
  if (steps_ > 0) over_.push_back(metric_->compute());
  metric_->reset();
  ++steps_;
}

torch::Tensor MetricTracker::compute_all() {
  std::vector<torch::Tensor> all = over_;
  all.push_back(current().compute());
  return torch::stack(all);
}

MetricTracker::Best MetricTracker::best_metric() {
  const torch::Tensor all = compute_all().cpu().to(torch::kFloat64);
  if (all.dim() != 1) {
    throw Error("MetricTracker finds the best of numbers, but the values of " +
                class_name(*metric_) + " have several; set its average");
  }
  Best best{std::numeric_limits<double>::quiet_NaN(), 0};
  for (int64_t step = 0; step < all.size(0); ++step) {
    const auto value = all[step].item<double>();
    const bool better = maximize_ ? value > best.value : value < best.value;
    if (better || (std::isnan(best.value) && !std::isnan(value))) best = {value, step};
  }
  return best;
}

void MetricTracker::reset_all() {
  metric_->reset();
  over_.clear();
  steps_ = 0;
}

}  // namespace lit
