// MetricTracker: one metric over several epochs.
#pragma once

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "lit/metrics/metric.h"

namespace lit {

/// Keeps what a metric was worth in each epoch (torchmetrics' MetricTracker):
///
///     tracker.increment();            // on_validation_epoch_start
///     tracker.update(scores, labels);
///     const auto [best, epoch] = tracker.best_metric();
///
/// It counts from increment() to increment(); the values of what is over stay.
class MetricTracker : public torch::nn::Module {
 public:
  struct Best {
    double value;
    int64_t step;  ///< number of its increment(), from 0 on
  };

  /// @param maximize  is more better? By default what the metric says of itself.
  /// @throws Error if that is nothing
  explicit MetricTracker(std::shared_ptr<Metric> metric,
                         std::optional<bool> maximize = std::nullopt);

  /// Begins a new step.
  void increment();
  /// Those of the metric, in this step. @throws Error before the first increment()
  template <typename... Inputs>
  void update(const Inputs&... inputs) {
    current().update(inputs...);
  }
  template <typename... Inputs>
  torch::Tensor forward(const Inputs&... inputs) {
    return current().forward(inputs...);
  }
  torch::Tensor compute() { return current().compute(); }
  /// The values of all steps, stacked: [steps, ...].
  torch::Tensor compute_all();
  /// The best step; the first of several that are as good. NaN is never the best.
  /// @throws Error before the first increment(), or if values are more than one number
  Best best_metric();

  int64_t n_steps() const { return steps_; }
  /// Forgets this step's batches; reset_all() forgets all steps.
  void reset() { metric_->reset(); }
  void reset_all();

 private:
  Metric& current();

  std::shared_ptr<Metric> metric_;
  bool maximize_;
  int64_t steps_ = 0;
  std::vector<torch::Tensor> over_;  // values of the steps before this one
};

}  // namespace lit
