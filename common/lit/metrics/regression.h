// Metrics of regressions (torchmetrics' regression).
#pragma once

#include "lit/metrics/metric.h"

namespace lit {

struct MeanSquaredErrorOptions {
  bool squared = true;  ///< false: the root of it (RMSE)
};

/// Mean of the squared differences: `update(preds, target)`, both of the same shape, any dtype.
/// Summed up in float64; without data NaN.
class MeanSquaredError : public Metric {
 public:
  using Options = MeanSquaredErrorOptions;
  explicit MeanSquaredError(Options options = {});
  std::optional<bool> higher_is_better() const override { return false; }

 protected:
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
  std::string compute_group() const override { return "mean_squared_error"; }

 private:
  Options options_;
};

/// Mean of the absolute differences: `update(preds, target)`, both of the same shape, any dtype.
class MeanAbsoluteError : public Metric {
 public:
  MeanAbsoluteError();
  std::optional<bool> higher_is_better() const override { return false; }

 protected:
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
};

}  // namespace lit
