// MetricTracker: a metric, or a collection, over several epochs.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lit/metrics/collection.h"
#include "lit/metrics/metric.h"

namespace lit {

/// Keeps what a metric was worth in each epoch (torchmetrics' MetricTracker):
///
///     tracker.increment();            // on_validation_epoch_start
///     tracker.update(scores, labels);
///     const auto [best, epoch] = tracker.best_metric();
///
/// It counts from increment() to increment(), with the metric that it is given, whose other resets
/// it does not notice: give it one of its own. The values of what is over stay, but are in no
/// checkpoint. Of a
/// MetricCollection it keeps the values of each metric, by name: forward_each(), compute_each(),
/// compute_all_of_each() and best_of_each() are for these, and those without `each` for a metric.
class MetricTracker : public torch::nn::Module {
 public:
  struct Best {
    double value;
    int64_t step;  ///< number of its increment(), from 0 on
  };
  using Values = MetricCollection::Values;

  /// @param maximize  is more better? By default what the metric says of itself.
  /// @throws Error if neither says so
  explicit MetricTracker(std::shared_ptr<Metric> metric,
                         std::optional<bool> maximize = std::nullopt);
  /// @param maximize  by name (with prefix and postfix), for those that do not say it of
  /// themselves,
  ///   or say it wrongly.
  /// @throws Error if neither says so of one of them
  explicit MetricTracker(std::shared_ptr<MetricCollection> metrics,
                         std::map<std::string, bool> maximize = {});

  /// Begins a new step.
  void increment();
  /// Counts a batch of this step. @throws Error before the first increment()
  template <typename... Inputs>
  void update(const Inputs&... inputs) {
    check_step();
    if (metric_ != nullptr) {
      metric_->update(inputs...);
    } else {
      collection_->update(inputs...);
    }
  }
  template <typename... Inputs>
  torch::Tensor forward(const Inputs&... inputs) {
    return of_metric("forward_each").forward(inputs...);
  }
  template <typename... Inputs>
  Values forward_each(const Inputs&... inputs) {
    return of_collection("forward").forward(inputs...);
  }
  /// The value of this step.
  torch::Tensor compute() { return of_metric("compute_each").compute(); }
  Values compute_each() { return of_collection("compute").compute(); }
  /// The values of all steps, stacked: [steps, ...].
  torch::Tensor compute_all();
  Values compute_all_of_each();
  /// The best step; the first of several that are as good. NaN is never the best.
  /// @throws Error before the first increment(), or if values are more than one number
  Best best_metric();
  std::map<std::string, Best> best_of_each();

  int64_t n_steps() const { return steps_; }
  /// Forgets this step's batches; reset_all() forgets all steps.
  void reset();
  void reset_all();

 private:
  void check_step() const;
  Metric& of_metric(const char* other);
  MetricCollection& of_collection(const char* other);
  Values now();
  torch::Tensor all_of(const std::string& name);
  Best best_of(const std::string& name);

  std::shared_ptr<Metric> metric_;  // or
  std::shared_ptr<MetricCollection> collection_;
  std::map<std::string, bool> maximize_;  // by name; "" is the metric's
  int64_t steps_ = 0;
  std::vector<Values> over_;  // of the steps before this one
};

}  // namespace lit
