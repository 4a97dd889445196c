// Metrics of numbers: mean, sum, maximum, minimum, all of them; mean and sum of the last ones
// (torchmetrics' aggregation).
#pragma once

#include <cstdint>
#include <limits>
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

/// What they have in common. Values may have any shape and dtype; they are summed up in float64.
class Aggregator : public Metric {
 public:
  using Options = AggregatorOptions;

 protected:
  /// @param neutral  the value of what is left out
  /// @throws Error for a nan_strategy that is not one
  Aggregator(Options options, double neutral);

  /// Values and weights in float64, of the same shape: the weight of what is left out is 0; and how
  /// many NaN that were. @throws Error if there is one, and it is not allowed
  Batch prepare(const Batch& inputs) override;
  /// Keeps how many NaN were left out.
  void note(const Batch& prepared);
  void look_at_states() override;
  bool checks_first() const override { return true; }
  /// Does update() take a second input?
  virtual bool takes_weights() const { return false; }
  /// Is what is left out gone, and not only of no weight?
  virtual bool drops() const { return false; }
  course::Dict option_values() const override;

 private:
  Options options_;
  double neutral_;
};

/// Mean of values, each with its weight: `update(value)`, `update(value, weight)`; the weight is
/// broadcast. Without data NaN.
class MeanMetric : public Aggregator {
 public:
  explicit MeanMetric(Options options = {});

 protected:
  void update_state(const Batch& prepared) override;
  torch::Tensor compute_state() override;
  bool takes_weights() const override { return true; }
};

/// Sum of values; without data 0.
class SumMetric : public Aggregator {
 public:
  explicit SumMetric(Options options = {});

 protected:
  void update_state(const Batch& prepared) override;
  torch::Tensor compute_state() override;
};

/// Largest value; without data -infinity. `forward` returns that of the batch.
class MaxMetric : public Aggregator {
 public:
  explicit MaxMetric(Options options = {});
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  void update_state(const Batch& prepared) override;
  torch::Tensor compute_state() override;
};

/// Smallest value; without data infinity. `forward` returns that of the batch.
class MinMetric : public Aggregator {
 public:
  explicit MinMetric(Options options = {});
  std::optional<bool> higher_is_better() const override { return false; }

 protected:
  void update_state(const Batch& prepared) override;
  torch::Tensor compute_state() override;
};

/// All values, along their first dimension; numbers become [1]. Without data an empty tensor. NaN
/// that is left out is gone (and waited for), which makes the values of its batch flat.
class CatMetric : public Aggregator {
 public:
  explicit CatMetric(Options options = {});

 protected:
  void update_state(const Batch& prepared) override;
  torch::Tensor compute_state() override;
  bool drops() const override { return true; }
};

struct RunningOptions {
  int64_t window = 5;                                       ///< updates
  std::variant<std::string, double> nan_strategy = "warn";  ///< see AggregatorOptions
};

/// The base of those that know the last updates alone.
class Running : public Aggregator {
 public:
  using Options = RunningOptions;

 protected:
  /// @throws Error for a window below 1
  explicit Running(const Options& options);

  void update_state(const Batch& prepared) override;
  course::Dict option_values() const override;
  /// Sums over the window.
  torch::Tensor sum() { return state("values").sum(); }
  torch::Tensor weight() { return state("weights").sum(); }

 private:
  int64_t window_;
};

/// Mean over the values of the last `window` updates; `update(value, weight)` as MeanMetric's.
class RunningMean : public Running {
 public:
  explicit RunningMean(Options options = {});

 protected:
  torch::Tensor compute_state() override;
  bool takes_weights() const override { return true; }
};

/// Sum over the values of the last `window` updates.
class RunningSum : public Running {
 public:
  explicit RunningSum(Options options = {});

 protected:
  torch::Tensor compute_state() override;
};

}  // namespace lit
