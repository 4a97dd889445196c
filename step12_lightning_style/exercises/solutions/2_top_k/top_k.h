// A metric: is the label among the k highest scores?
#pragma once

#include <cstdint>
#include <string>

#include "lit/error.h"
#include "lit/metrics/metric.h"

/// The share of samples whose label is among the k highest scores: update(scores [N, C], labels
/// [N]).
class TopK : public lit::Metric {
 public:
  /// @throws lit::Error for a k below 1
  explicit TopK(int64_t k) : k_(k) {
    if (k < 1) throw lit::Error("k must be 1 or more, but it is " + std::to_string(k));
    add_state("hits", torch::zeros({}, torch::kInt64), lit::StateReduce::sum);
    add_state("total", torch::zeros({}, torch::kInt64), lit::StateReduce::sum);
  }

 protected:
  void update_state(const lit::Batch& inputs) override {
    const auto [scores, labels] = inputs.unpack<2>();
    const torch::Tensor places = std::get<1>(scores.topk(k_, 1));
    state("hits") += places.eq(labels.unsqueeze(1)).sum();
    state("total") += labels.size(0);
  }
  torch::Tensor compute_state() override { return state("hits") / state("total"); }

 private:
  int64_t k_;
};
