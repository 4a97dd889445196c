// Metrics of regressions.
#include "lit/metrics/regression.h"

#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {
namespace {

using detail::wide;

constexpr int64_t kMostOutputs = 100'000'000;

torch::Tensor zero(int64_t outputs = 1) {
  return outputs == 1 ? torch::zeros({}, torch::kFloat64)
                      : torch::zeros({outputs}, torch::kFloat64);
}
torch::Tensor no_count() {
  return torch::zeros({}, torch::kInt64);
}

int64_t checked_outputs(const char* name, int64_t outputs) {
  if (outputs >= 1 && outputs <= kMostOutputs) return outputs;
  throw Error(fmt::format("num_outputs of {} is {}, but must be from 1 to {}", name, outputs,
                          kMostOutputs));
}

void check_outputs(const Metric& metric, const torch::Tensor& preds, int64_t outputs) {
  if (outputs == 1 || (preds.dim() == 2 && preds.size(1) == outputs)) return;
  throw Error(
      fmt::format("{} has num_outputs={}, but was given preds of shape {}; it takes [N, {}]",
                  class_name(metric), outputs, c10::str(preds.sizes()), outputs));
}

// Over samples, or over all if there is one output alone.
torch::Tensor sum_of(const torch::Tensor& values, int64_t outputs) {
  return outputs == 1 ? values.sum() : values.sum(0);
}
int64_t count_of(const torch::Tensor& values, int64_t outputs) {
  return outputs == 1 ? values.numel() : values.size(0);
}

// Samples in rows; a batch has the shape of those before it.
void check_rows(const Metric& metric, const torch::Tensor& preds, const torch::Tensor& sums) {
  if (preds.dim() < 1) {
    throw Error(fmt::format("{} was given numbers; it takes tensors with samples in dimension 0",
                            class_name(metric)));
  }
  if (metric.update_count() == 0 || preds.sizes().slice(1) == sums.sizes()) return;
  throw Error(
      fmt::format("{} was given preds of shape {}, but those before had {} behind their "
                  "first dimension",
                  class_name(metric), c10::str(preds.sizes()), c10::str(sums.sizes())));
}

torch::Tensor over_outputs(const torch::Tensor& scores, const torch::Tensor& variances,
                           Multioutput multioutput) {
  if (multioutput == Multioutput::raw_values) return scores;
  if (multioutput == Multioutput::uniform_average) return scores.mean();
  return (variances / variances.sum() * scores).sum();
}

// 1 - lost / all; where nothing is lost 1, and where something is lost of nothing 0.
torch::Tensor share_left(const torch::Tensor& lost, const torch::Tensor& all,
                         const torch::Tensor& some_lost, const torch::Tensor& some_there) {
  const torch::Tensor whole = torch::where(some_there, all, torch::ones_like(all));
  const torch::Tensor left = torch::where(some_there, 1 - lost / whole, torch::zeros_like(lost));
  return torch::where(some_lost, left, torch::ones_like(lost));
}

}  // namespace

Batch RegressionMetric::prepare(const Batch& inputs) {
  detail::check_preds_and_target(*this, inputs);
  const torch::Tensor &preds = inputs[0], &target = inputs[1];
  if (preds.sizes() != target.sizes()) {
    throw Error(fmt::format(
        "{} was given preds of shape {} and target of shape {}; it takes the same shape",
        class_name(*this), c10::str(preds.sizes()), c10::str(target.sizes())));
  }
  return Batch{wide(preds), wide(target)};
}

// --- Errors -----------------------------------------------------------------------------------

MeanSquaredError::MeanSquaredError(Options options) : options_(options) {
  add_state("sum_squared_error", zero(checked_outputs("MeanSquaredError", options.num_outputs)),
            StateReduce::sum);
  add_state("total", no_count(), StateReduce::sum);
  clones<MeanSquaredError>();
}

std::string MeanSquaredError::compute_group() const {
  return fmt::format("mean_squared_error {}", options_.num_outputs);
}

course::Dict MeanSquaredError::option_values() const {
  return {{"squared", options_.squared}, {"num_outputs", options_.num_outputs}};
}

Batch MeanSquaredError::prepare(const Batch& inputs) {
  const Batch both = RegressionMetric::prepare(inputs);
  check_outputs(*this, both[0], options_.num_outputs);
  return both;
}

void MeanSquaredError::update_state(const Batch& inputs) {
  const torch::Tensor errors = inputs[0] - inputs[1];
  state("sum_squared_error") += sum_of(errors.square(), options_.num_outputs);
  state("total") += count_of(errors, options_.num_outputs);
}

torch::Tensor MeanSquaredError::compute_state() {
  const torch::Tensor mean = state("sum_squared_error") / state("total");
  return options_.squared ? mean : mean.sqrt();
}

MeanAbsoluteError::MeanAbsoluteError(Options options) : options_(options) {
  add_state("sum_abs_error", zero(checked_outputs("MeanAbsoluteError", options.num_outputs)),
            StateReduce::sum);
  add_state("total", no_count(), StateReduce::sum);
  clones<MeanAbsoluteError>();
}

course::Dict MeanAbsoluteError::option_values() const {
  return {{"num_outputs", options_.num_outputs}};
}

Batch MeanAbsoluteError::prepare(const Batch& inputs) {
  const Batch both = RegressionMetric::prepare(inputs);
  check_outputs(*this, both[0], options_.num_outputs);
  return both;
}

void MeanAbsoluteError::update_state(const Batch& inputs) {
  const torch::Tensor errors = inputs[0] - inputs[1];
  state("sum_abs_error") += sum_of(errors.abs(), options_.num_outputs);
  state("total") += count_of(errors, options_.num_outputs);
}

torch::Tensor MeanAbsoluteError::compute_state() {
  return state("sum_abs_error") / state("total");
}

// --- Shares of the variance -------------------------------------------------------------------

R2Score::R2Score(Options options)
    : options_(options), multioutput_(options.multioutput.of("multioutput of R2Score")) {
  if (options.adjusted < 0) {
    throw Error(fmt::format("adjusted of R2Score is {}, but must be at least 0", options.adjusted));
  }
  for (const char* sum : {"sum_squared_error", "sum_error", "residual"}) {
    add_state_of_any_shape(sum, zero(), StateReduce::sum);
  }
  add_state("total", no_count(), StateReduce::sum);
  clones<R2Score>();
}

course::Dict R2Score::option_values() const {
  return {{"adjusted", options_.adjusted}, {"multioutput", options_.multioutput.word()}};
}

Batch R2Score::prepare(const Batch& inputs) {
  const Batch both = RegressionMetric::prepare(inputs);
  if (both[0].dim() > 2) {
    throw Error(fmt::format("R2Score was given preds of shape {}; it takes [N] or [N, D]",
                            c10::str(both[0].sizes())));
  }
  check_rows(*this, both[0], state("residual"));
  return both;
}

void R2Score::update_state(const Batch& inputs) {
  const torch::Tensor &preds = inputs[0], &target = inputs[1];
  const auto add = [&](const char* name, const torch::Tensor& sum) {
    state(name) = state(name) + sum;
  };
  add("sum_squared_error", target.square().sum(0));
  add("sum_error", target.sum(0));
  add("residual", (target - preds).square().sum(0));
  state("total") += target.size(0);
}

// A difference below this is none (torchmetrics').
torch::Tensor R2Score::compute_state() {
  constexpr double kNone = 1e-4;
  const auto total = state("total").item<int64_t>();
  if (total < 2) throw Error("R2Score needs at least two samples");
  const torch::Tensor &sum = state("sum_error"), &lost = state("residual");
  const torch::Tensor all = state("sum_squared_error") - sum * sum / total;
  const torch::Tensor scores = share_left(lost, all, lost.abs() > kNone, all.abs() > kNone);
  const torch::Tensor value = over_outputs(scores, all, multioutput_);
  if (options_.adjusted == 0) return value;
  const int64_t free = total - options_.adjusted - 1;
  if (free <= 0) {
    warn(fmt::format("R2Score is not adjusted: there are {} samples for {} variables", total,
                     options_.adjusted));
    return value;
  }
  return 1 - (1 - value) * (total - 1) / free;
}

ExplainedVariance::ExplainedVariance(Options options)
    : multioutput_(options.multioutput.of("multioutput of ExplainedVariance")) {
  for (const char* sum : {"sum_error", "sum_squared_error", "sum_target", "sum_squared_target"}) {
    add_state_of_any_shape(sum, zero(), StateReduce::sum);
  }
  add_state("num_obs", no_count(), StateReduce::sum);
  clones<ExplainedVariance>();
}

course::Dict ExplainedVariance::option_values() const {
  return {{"multioutput", Choice<Multioutput>(multioutput_).word()}};
}

Batch ExplainedVariance::prepare(const Batch& inputs) {
  const Batch both = RegressionMetric::prepare(inputs);
  check_rows(*this, both[0], state("sum_error"));
  return both;
}

void ExplainedVariance::update_state(const Batch& inputs) {
  const torch::Tensor& target = inputs[1];
  const torch::Tensor errors = target - inputs[0];
  const auto add = [&](const char* name, const torch::Tensor& sum) {
    state(name) = state(name) + sum;
  };
  add("sum_error", errors.sum(0));
  add("sum_squared_error", errors.square().sum(0));
  add("sum_target", target.sum(0));
  add("sum_squared_target", target.square().sum(0));
  state("num_obs") += target.size(0);
}

torch::Tensor ExplainedVariance::compute_state() {
  const torch::Tensor& count = state("num_obs");
  const auto variance = [&](const char* squares, const char* sum) {
    return state(squares) / count - (state(sum) / count).square();
  };
  const torch::Tensor lost = variance("sum_squared_error", "sum_error");
  const torch::Tensor all = variance("sum_squared_target", "sum_target");
  return over_outputs(share_left(lost, all, lost != 0, all != 0), all, multioutput_);
}

// --- Directions -------------------------------------------------------------------------------

CosineSimilarity::CosineSimilarity(Options options)
    : reduction_(options.reduction.of("reduction of CosineSimilarity")) {
  if (reduction_ == Reduction::none) {
    add_list_state("similarity");
  } else {
    add_state("sum", zero(), StateReduce::sum);
    add_state("total", no_count(), StateReduce::sum);
  }
  clones<CosineSimilarity>();
}

course::Dict CosineSimilarity::option_values() const {
  return {{"reduction", Choice<Reduction>(reduction_).word()}};
}

Batch CosineSimilarity::prepare(const Batch& inputs) {
  const Batch both = RegressionMetric::prepare(inputs);
  if (both[0].dim() != 2) {
    throw Error(fmt::format("CosineSimilarity was given preds of shape {}; it takes [N, D]",
                            c10::str(both[0].sizes())));
  }
  return both;
}

void CosineSimilarity::update_state(const Batch& inputs) {
  const torch::Tensor &preds = inputs[0], &target = inputs[1];
  const torch::Tensor lengths = preds.square().sum(1).sqrt() * target.square().sum(1).sqrt();
  const torch::Tensor each = (preds * target).sum(1) / lengths;
  if (reduction_ == Reduction::none) {
    list_state("similarity").push_back(each);
    return;
  }
  state("sum") += each.sum();
  state("total") += each.size(0);
}

torch::Tensor CosineSimilarity::compute_state() {
  if (reduction_ == Reduction::none) return concatenated("similarity");
  if (reduction_ == Reduction::mean) return state("sum") / state("total");
  return state("sum").clone();
}

}  // namespace lit
