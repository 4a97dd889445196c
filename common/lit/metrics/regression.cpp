// Metrics of regressions.
#include "lit/metrics/regression.h"

#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include "lit/error.h"

namespace lit {
namespace {

torch::Tensor zero() {
  return torch::zeros({}, torch::kFloat64);
}

// In float64, where squares of small differences and sums of many are exact enough.
torch::Tensor difference(const char* name, const Batch& inputs) {
  const auto [preds, target] = inputs.unpack<2>();
  if (preds.sizes() != target.sizes()) {
    throw Error(fmt::format(
        "{} was given preds of shape {} and target of shape {}; it takes the same shape", name,
        c10::str(preds.sizes()), c10::str(target.sizes())));
  }
  const auto type = preds.device().is_mps() ? torch::kFloat32 : torch::kFloat64;
  return preds.to(type) - target.to(type);
}

}  // namespace

MeanSquaredError::MeanSquaredError(Options options) : options_(options) {
  add_state("sum_squared_error", zero(), StateReduce::sum);
  add_state("total", torch::zeros({}, torch::kInt64), StateReduce::sum);
}

void MeanSquaredError::update_state(const Batch& inputs) {
  const torch::Tensor errors = difference("MeanSquaredError", inputs);
  state("sum_squared_error") += errors.square().sum();
  state("total") += errors.numel();
}

torch::Tensor MeanSquaredError::compute_state() {
  const torch::Tensor mean = state("sum_squared_error") / state("total");
  return options_.squared ? mean : mean.sqrt();
}

MeanAbsoluteError::MeanAbsoluteError() {
  add_state("sum_abs_error", zero(), StateReduce::sum);
  add_state("total", torch::zeros({}, torch::kInt64), StateReduce::sum);
}

void MeanAbsoluteError::update_state(const Batch& inputs) {
  const torch::Tensor errors = difference("MeanAbsoluteError", inputs);
  state("sum_abs_error") += errors.abs().sum();
  state("total") += errors.numel();
}

torch::Tensor MeanAbsoluteError::compute_state() {
  return state("sum_abs_error") / state("total");
}

}  // namespace lit
