// Metrics of regressions (torchmetrics' regression). Values of forward() carry gradients.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "lit/core/choice.h"
#include "lit/metrics/metric.h"

namespace lit {

/// The base of metrics of regressions: `update(preds, target)`, both of the same shape, any dtype.
/// They are counted in float64.
class RegressionMetric : public Metric {
 protected:
  /// Both in float64. @throws Error for other shapes
  Batch prepare(const Batch& inputs) override;
  bool is_differentiable() const override { return true; }
  bool checks_first() const override { return true; }
};

struct MeanSquaredErrorOptions {
  bool squared = true;      ///< false: the root of it (RMSE)
  int64_t num_outputs = 1;  ///< more: inputs are [N, num_outputs], and each output has a value
};

/// Mean of the squared differences, [] or [num_outputs]; without data NaN.
class MeanSquaredError : public RegressionMetric {
 public:
  using Options = MeanSquaredErrorOptions;
  /// @throws Error for num_outputs out of range
  explicit MeanSquaredError(Options options = {});
  std::optional<bool> higher_is_better() const override { return false; }

 protected:
  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
  std::string compute_group() const override;
  course::Dict option_values() const override;

 private:
  Options options_;
};

struct MeanAbsoluteErrorOptions {
  int64_t num_outputs = 1;  ///< more: inputs are [N, num_outputs], and each output has a value
};

/// Mean of the absolute differences, [] or [num_outputs]; without data NaN.
class MeanAbsoluteError : public RegressionMetric {
 public:
  using Options = MeanAbsoluteErrorOptions;
  /// @throws Error for num_outputs out of range
  explicit MeanAbsoluteError(Options options = {});
  std::optional<bool> higher_is_better() const override { return false; }

 protected:
  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
  course::Dict option_values() const override;

 private:
  Options options_;
};

/// How the values of several outputs become one: their mean, the mean by each target's variance, or
/// not at all, [D].
enum class Multioutput { uniform_average, variance_weighted, raw_values };
inline std::array<const char*, 3> words(Multioutput) {
  return {"uniform_average", "variance_weighted", "raw_values"};
}

struct R2ScoreOptions {
  /// Independent variables of the regression, for which the score is adjusted; 0: it is not.
  int64_t adjusted = 0;
  Choice<Multioutput> multioutput = Multioutput::uniform_average;
};

/// The share of the target's variance that preds explain, 1 - residuals / variance: 1 is perfect, 0
/// is what the mean is worth. Inputs are [N] or [N, D]. compute() throws an Error for fewer than
/// two samples.
class R2Score : public RegressionMetric {
 public:
  using Options = R2ScoreOptions;
  /// @throws Error for an option out of range
  explicit R2Score(Options options = {});
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
  course::Dict option_values() const override;

 private:
  Options options_;
  Multioutput multioutput_;
};

struct ExplainedVarianceOptions {
  Choice<Multioutput> multioutput = Multioutput::uniform_average;
};

/// The share of the target's variance that is not in the errors' variance: like R2Score, but an
/// error that is always the same costs nothing. Inputs are [N, ...].
class ExplainedVariance : public RegressionMetric {
 public:
  using Options = ExplainedVarianceOptions;
  /// @throws Error for an option out of range
  explicit ExplainedVariance(Options options = {});
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
  course::Dict option_values() const override;

 private:
  Multioutput multioutput_;
};

/// Over samples.
enum class Reduction { sum, mean, none };
inline std::array<const char*, 3> words(Reduction) {
  return {"sum", "mean", "none"};
}

struct CosineSimilarityOptions {
  Choice<Reduction> reduction = Reduction::sum;
};

/// The cosine of the angle between each row of preds and target, [N, D]: 1 for the same direction.
/// Its sum or mean, or [N] of all samples; NaN for a row of zeros.
class CosineSimilarity : public RegressionMetric {
 public:
  using Options = CosineSimilarityOptions;
  /// @throws Error for an option out of range
  explicit CosineSimilarity(Options options = {});
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
  course::Dict option_values() const override;

 private:
  Reduction reduction_;
};

}  // namespace lit
