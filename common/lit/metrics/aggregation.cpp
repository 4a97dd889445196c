// Metrics of numbers: mean, sum, maximum, minimum.
#include "lit/metrics/aggregation.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <limits>

#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

torch::Tensor number(double value) {
  return torch::scalar_tensor(value, torch::kFloat64);
}

using detail::wide;

const torch::Tensor& only(const Batch& inputs) {
  const auto refuse_others = inputs.unpack<1>();
  (void)refuse_others;
  return inputs[0];
}

}  // namespace

Aggregator::Aggregator(Options options) : options_(std::move(options)) {
  const auto* word = std::get_if<std::string>(&options_.nan_strategy);
  if (word != nullptr && *word != "warn" && *word != "ignore" && *word != "error" &&
      *word != "disable") {
    throw Error(fmt::format(
        "nan_strategy is \"{}\", but must be warn, ignore, error, disable or a number", *word));
  }
  add_state("nan_count", torch::zeros({}, torch::kInt64), StateReduce::sum);
}

Aggregator::Numbers Aggregator::numbers(const torch::Tensor& value, const torch::Tensor& weight,
                                        double neutral) {
  const torch::Tensor values = wide(value);
  const torch::Tensor weights = wide(weight).broadcast_to(values.sizes());
  const auto* word = std::get_if<std::string>(&options_.nan_strategy);
  if (word != nullptr && *word == "disable") return {values, weights};
  const torch::Tensor nan = values.isnan().logical_or(weights.isnan());
  if (word == nullptr) {
    const double instead = std::get<double>(options_.nan_strategy);
    return {values.nan_to_num(instead, kInfinity, -kInfinity),
            weights.nan_to_num(1, kInfinity, -kInfinity)};
  }
  if (*word == "error" && nan.any().item<bool>()) {
    throw Error(fmt::format("{} was given {} NaN; set its nan_strategy to leave them out",
                            class_name(*this), nan.sum().item<int64_t>()));
  }
  state("nan_count") += nan.sum();
  return {values.masked_fill(nan, neutral), weights.masked_fill(nan, 0)};
}

void Aggregator::tell_of_nan() {
  const auto* word = std::get_if<std::string>(&options_.nan_strategy);
  if (word == nullptr || *word != "warn") return;
  const auto count = state("nan_count").item<int64_t>();
  if (count == 0) return;
  warn(fmt::format("{} has left out {} NaN", class_name(*this), count));
  state("nan_count").zero_();
}

MeanMetric::MeanMetric(Options options) : Aggregator(std::move(options)) {
  add_state("mean_value", number(0), StateReduce::sum);
  add_state("weight", number(0), StateReduce::sum);
}

void MeanMetric::update_state(const Batch& inputs) {
  if (inputs.size() != 2) only(inputs);
  const auto [values, weights] =
      numbers(inputs[0], inputs.size() == 2 ? inputs[1] : torch::ones_like(inputs[0]), 0);
  state("mean_value") += (values * weights).sum();
  state("weight") += weights.sum();
}

torch::Tensor MeanMetric::compute_state() {
  tell_of_nan();
  return state("mean_value") / state("weight");
}

SumMetric::SumMetric(Options options) : Aggregator(std::move(options)) {
  add_state("sum_value", number(0), StateReduce::sum);
}

void SumMetric::update_state(const Batch& inputs) {
  state("sum_value") += numbers(only(inputs), torch::ones_like(inputs[0]), 0).values.sum();
}

torch::Tensor SumMetric::compute_state() {
  tell_of_nan();
  return state("sum_value").clone();
}

MaxMetric::MaxMetric(Options options) : Aggregator(std::move(options)) {
  add_state("max_value", number(-kInfinity), StateReduce::max);
}

void MaxMetric::update_state(const Batch& inputs) {
  const torch::Tensor values =
      numbers(only(inputs), torch::ones_like(inputs[0]), -kInfinity).values;
  if (values.numel() == 0) return;
  state("max_value") = torch::maximum(state("max_value"), values.max());
}

torch::Tensor MaxMetric::compute_state() {
  tell_of_nan();
  return state("max_value").clone();
}

MinMetric::MinMetric(Options options) : Aggregator(std::move(options)) {
  add_state("min_value", number(kInfinity), StateReduce::min);
}

void MinMetric::update_state(const Batch& inputs) {
  const torch::Tensor values = numbers(only(inputs), torch::ones_like(inputs[0]), kInfinity).values;
  if (values.numel() == 0) return;
  state("min_value") = torch::minimum(state("min_value"), values.min());
}

torch::Tensor MinMetric::compute_state() {
  tell_of_nan();
  return state("min_value").clone();
}

}  // namespace lit
