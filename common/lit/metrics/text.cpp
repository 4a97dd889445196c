// Metrics of language models.
#include "lit/metrics/text.h"

#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include "lit/error.h"

namespace lit {

using detail::wide;

Perplexity::Perplexity(Options options) : options_(options) {
  add_state("total_log_probs", torch::zeros({}, torch::kFloat64), StateReduce::sum);
  add_state("count", torch::zeros({}, torch::kInt64), StateReduce::sum);
  clones<Perplexity>();
}

course::Dict Perplexity::option_values() const {
  const auto& ignored = options_.ignore_index;
  return {{"ignore_index", ignored ? course::Value(*ignored) : course::Value()}};
}

// preds [N T, V], target [N T], and which of them count.
Batch Perplexity::prepare(const Batch& inputs) {
  detail::check_preds_and_target(*this, inputs);
  const torch::Tensor& preds = inputs[0];
  const bool fits = preds.dim() == 3 && preds.is_floating_point() &&
                    preds.sizes().slice(0, 2) == inputs[1].sizes() &&
                    !inputs[1].is_floating_point();
  if (!fits) {
    throw Error(
        fmt::format("Perplexity was given preds of shape {} and dtype {}, and target of "
                    "shape {} and dtype {}; it takes logits [N, T, V] and words [N, T]",
                    c10::str(preds.sizes()), c10::toString(preds.scalar_type()),
                    c10::str(inputs[1].sizes()), c10::toString(inputs[1].scalar_type())));
  }
  torch::Tensor target = inputs[1].to(torch::kInt64).flatten();
  torch::Tensor counts = torch::ones_like(target, torch::kBool);
  if (options_.ignore_index) {
    counts = target != *options_.ignore_index;
    target = target.masked_fill(counts.logical_not(), 0);
  }
  const int64_t words = preds.size(2);
  if (target.is_cpu() && target.numel() > 0) {
    const auto [least, most] = target.aminmax();
    const int64_t low = least.item<int64_t>(), high = most.item<int64_t>();
    if (low < 0 || high >= words) {
      throw Error(
          fmt::format("Perplexity: target has the word {}, but with {} logits words go from "
                      "0 to {}",
                      low < 0 ? low : high, words, words - 1));
    }
  }
  return Batch{preds.flatten(0, 1), target, counts};
}

void Perplexity::update_state(const Batch& prepared) {
  const torch::Tensor &target = prepared[1], &counts = prepared[2];
  const torch::Tensor of_target =
      wide(prepared[0]).log_softmax(1).gather(1, target.unsqueeze(1)).squeeze(1);
  state("total_log_probs") -= of_target.masked_fill(counts.logical_not(), 0).sum();
  state("count") += counts.sum();
}

torch::Tensor Perplexity::compute_state() {
  return (state("total_log_probs") / state("count")).exp();
}

}  // namespace lit
