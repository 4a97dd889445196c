// Metrics of numbers: mean, sum, maximum, minimum (torchmetrics' aggregation).
#pragma once

#include <string>
#include <variant>

#include "lit/metrics/metric.h"

namespace lit {

struct AggregatorOptions {
  /// What to do with NaN: "warn" leaves it out and says so at compute(), "ignore" leaves it out,
  /// "error" throws (and waits for the device to know), "disable" does not look; or a number to
  /// take instead.
  std::variant<std::string, double> nan_strategy = "warn";
};

/// What the four have in common. Values may have any shape and dtype; they are summed up in
/// float64.
class Aggregator : public Metric {
 public:
  using Options = AggregatorOptions;

 protected:
  /// @throws Error for a nan_strategy that is not one
  explicit Aggregator(Options options);

  struct Numbers {
    torch::Tensor values, weights;  ///< float64; the weight of what is left out is 0
  };
  /// Where NaN is left out there is `neutral`.
  /// @throws Error if there is one, and it is not allowed
  Numbers numbers(const torch::Tensor& value, const torch::Tensor& weight, double neutral);
  /// Tells, once until the next reset, how many were left out.
  void tell_of_nan();

 private:
  Options options_;
};

/// Mean of values, each with its weight: `update(value)`, `update(value, weight)`; the weight is
/// broadcast. Without data NaN.
class MeanMetric : public Aggregator {
 public:
  explicit MeanMetric(Options options = {});

 protected:
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
};

/// Sum of values; without data 0.
class SumMetric : public Aggregator {
 public:
  explicit SumMetric(Options options = {});

 protected:
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
};

/// Largest value; without data -infinity. `forward` returns that of the batch.
class MaxMetric : public Aggregator {
 public:
  explicit MaxMetric(Options options = {});
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
};

/// Smallest value; without data infinity. `forward` returns that of the batch.
class MinMetric : public Aggregator {
 public:
  explicit MinMetric(Options options = {});
  std::optional<bool> higher_is_better() const override { return false; }

 protected:
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
};

}  // namespace lit
