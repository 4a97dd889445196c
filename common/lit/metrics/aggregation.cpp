// Metrics of numbers.
#include "lit/metrics/aggregation.h"

#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {
namespace {

using detail::wide;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kLongestWindow = 100'000'000;

torch::Tensor number(double value) {
  return torch::scalar_tensor(value, torch::kFloat64);
}

bool can_be_broadcast(torch::IntArrayRef from, torch::IntArrayRef to) {
  if (from.size() > to.size()) return false;
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t size = from[from.size() - 1 - i];
    if (size != 1 && size != to[to.size() - 1 - i]) return false;
  }
  return true;
}

}  // namespace

Aggregator::Aggregator(Options options, double neutral)
    : options_(std::move(options)), neutral_(neutral) {
  const auto* word = std::get_if<std::string>(&options_.nan_strategy);
  if (word != nullptr && *word != "warn" && *word != "ignore" && *word != "error" &&
      *word != "disable") {
    throw Error(fmt::format(
        "nan_strategy is \"{}\", but must be warn, ignore, error, disable or a number", *word));
  }
  add_state("nan_count", torch::zeros({}, torch::kInt64), StateReduce::sum);
}

course::Dict Aggregator::option_values() const {
  const auto* word = std::get_if<std::string>(&options_.nan_strategy);
  return {{"nan_strategy", word != nullptr
                               ? course::Value(*word)
                               : course::Value(std::get<double>(options_.nan_strategy))}};
}

Batch Aggregator::prepare(const Batch& inputs) {
  const std::string name = class_name(*this);
  if (inputs.empty() || inputs.size() > (takes_weights() ? 2 : 1)) {
    throw Error(fmt::format("{} takes a value{}, but was given {} tensors", name,
                            takes_weights() ? ", and a weight" : "", inputs.size()));
  }
  torch::Tensor values = wide(inputs[0]), weights = torch::ones_like(values);
  if (inputs.size() == 2) {
    if (!can_be_broadcast(inputs[1].sizes(), values.sizes())) {
      throw Error(
          fmt::format("{} was given values of shape {} and weights of shape {}, which "
                      "cannot be broadcast to it",
                      name, c10::str(values.sizes()), c10::str(inputs[1].sizes())));
    }
    weights = wide(inputs[1]).broadcast_to(values.sizes());
  }
  torch::Tensor count = torch::zeros({}, values.options().dtype(torch::kInt64));
  const auto* word = std::get_if<std::string>(&options_.nan_strategy);
  if (word == nullptr) {
    const torch::Tensor nan = values.isnan().logical_or(weights.isnan());
    values = values.masked_fill(nan, std::get<double>(options_.nan_strategy));
    weights = weights.masked_fill(nan, 1);
  } else if (*word != "disable") {
    const torch::Tensor nan = values.isnan().logical_or(weights.isnan());
    count = nan.sum();
    if (*word == "error" && count.item<int64_t>() > 0) {
      throw Error(fmt::format("{} was given {} NaN; set its nan_strategy to leave them out", name,
                              count.item<int64_t>()));
    }
    if (!drops()) {
      values = values.masked_fill(nan, neutral_);
      weights = weights.masked_fill(nan, 0);
    } else if (count.item<int64_t>() > 0) {
      values = values.masked_select(nan.logical_not());
    }
  }
  return Batch{values, weights, count};
}

void Aggregator::note(const Batch& prepared) {
  state("nan_count") += prepared[2];
}

void Aggregator::look_at_states() {
  const auto* word = std::get_if<std::string>(&options_.nan_strategy);
  if (word == nullptr || *word != "warn") return;
  const auto count = state("nan_count").item<int64_t>();
  if (count > 0) tell(fmt::format("{} has left out {} NaN", class_name(*this), count));
}

// --- All of them ------------------------------------------------------------------------------

MeanMetric::MeanMetric(Options options) : Aggregator(std::move(options), 0) {
  add_state("mean_value", number(0), StateReduce::sum);
  add_state("weight", number(0), StateReduce::sum);
  clones<MeanMetric>();
}

void MeanMetric::update_state(const Batch& prepared) {
  state("mean_value") += (prepared[0] * prepared[1]).sum();
  state("weight") += prepared[1].sum();
  note(prepared);
}

torch::Tensor MeanMetric::compute_state() {
  return state("mean_value") / state("weight");
}

SumMetric::SumMetric(Options options) : Aggregator(std::move(options), 0) {
  add_state("sum_value", number(0), StateReduce::sum);
  clones<SumMetric>();
}

void SumMetric::update_state(const Batch& prepared) {
  state("sum_value") += prepared[0].sum();
  note(prepared);
}

torch::Tensor SumMetric::compute_state() {
  return state("sum_value").clone();
}

MaxMetric::MaxMetric(Options options) : Aggregator(std::move(options), -kInfinity) {
  add_state("max_value", number(-kInfinity), StateReduce::max);
  clones<MaxMetric>();
}

void MaxMetric::update_state(const Batch& prepared) {
  note(prepared);
  if (prepared[0].numel() == 0) return;
  state("max_value") = torch::maximum(state("max_value"), prepared[0].max());
}

torch::Tensor MaxMetric::compute_state() {
  return state("max_value").clone();
}

MinMetric::MinMetric(Options options) : Aggregator(std::move(options), kInfinity) {
  add_state("min_value", number(kInfinity), StateReduce::min);
  clones<MinMetric>();
}

void MinMetric::update_state(const Batch& prepared) {
  note(prepared);
  if (prepared[0].numel() == 0) return;
  state("min_value") = torch::minimum(state("min_value"), prepared[0].min());
}

torch::Tensor MinMetric::compute_state() {
  return state("min_value").clone();
}

CatMetric::CatMetric(Options options) : Aggregator(std::move(options), 0) {
  add_list_state("value");
  clones<CatMetric>();
}

void CatMetric::update_state(const Batch& prepared) {
  const torch::Tensor& values = prepared[0];
  if (values.numel() > 0) {
    list_state("value").push_back((values.dim() == 0 ? values.unsqueeze(0) : values).clone());
  }
  note(prepared);
}

torch::Tensor CatMetric::compute_state() {
  return concatenated("value");
}

// --- The last ones ----------------------------------------------------------------------------

Running::Running(const Options& options) : Aggregator({options.nan_strategy}, 0) {
  window_ = options.window;
  if (window_ < 1 || window_ > kLongestWindow) {
    throw Error(fmt::format("window is {}, but must be from 1 to {}", window_, kLongestWindow));
  }
  // A ring: the update that is to be forgotten next lies at `seen` modulo the window.
  for (const char* sums : {"values", "weights"}) {
    add_state(sums, torch::zeros({window_}, torch::kFloat64), StateReduce::none);
  }
  add_state("seen", torch::zeros({}, torch::kInt64), StateReduce::none);
}

course::Dict Running::option_values() const {
  course::Dict values = Aggregator::option_values();
  values.set("window", window_);
  return values;
}

void Running::update_state(const Batch& prepared) {
  torch::Tensor& seen = state("seen");
  const torch::Tensor at = seen.remainder(window_).reshape({1});
  const auto put = [&](const char* name, const torch::Tensor& sum) {
    state(name).index_copy_(0, at, sum.reshape({1}));
  };
  put("values", (prepared[0] * prepared[1]).sum());
  put("weights", prepared[1].sum());
  seen += 1;
  note(prepared);
}

RunningMean::RunningMean(Options options) : Running(options) {
  clones<RunningMean>();
}

torch::Tensor RunningMean::compute_state() {
  return sum() / weight();
}

RunningSum::RunningSum(Options options) : Running(options) {
  clones<RunningSum>();
}

torch::Tensor RunningSum::compute_state() {
  return sum();
}

}  // namespace lit
