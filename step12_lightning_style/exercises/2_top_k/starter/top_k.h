// A metric: is the label among the k highest scores?
#pragma once

#include <cstdint>

#include "lit/error.h"
#include "lit/metrics/metric.h"

/// The share of samples whose label is among the k highest scores: update(scores [N, C], labels
/// [N]).
class TopK : public lit::Metric {
 public:
  /// @throws lit::Error for a k below 1
  explicit TopK(int64_t k) : k_(k) {}  // TODO(1), TODO(3)

 protected:
  void update_state(const lit::Batch& inputs) override {
    (void)inputs, (void)k_;  // TODO(1)
  }
  torch::Tensor compute_state() override {
    return torch::zeros({});  // TODO(2)
  }

 private:
  int64_t k_;
};
