// Metrics of language models (torchmetrics' text).
#pragma once

#include <cstdint>
#include <optional>

#include "lit/metrics/metric.h"

namespace lit {

struct PerplexityOptions {
  std::optional<int64_t> ignore_index = std::nullopt;  ///< targets that do not count
};

/// The exponential of the mean negative log likelihood: among how many words the model wavers.
/// `update(preds, target)`: preds [N, T, V] logits, target [N, T]
/// int64, from 0 to below V.
class Perplexity : public Metric {
 public:
  using Options = PerplexityOptions;
  explicit Perplexity(Options options = {});
  std::optional<bool> higher_is_better() const override { return false; }

 protected:
  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& prepared) override;
  torch::Tensor compute_state() override;
  bool is_differentiable() const override { return true; }
  bool checks_first() const override { return true; }
  course::Dict option_values() const override;

 private:
  Options options_;
};

}  // namespace lit
