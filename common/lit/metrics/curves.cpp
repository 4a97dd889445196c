// Metrics of classifiers that look at the order or the size of scores.
#include "lit/metrics/curves.h"

#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {
namespace {

using detail::wide;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr int64_t kMostThresholds = 1'000'000;
constexpr int64_t kMostCounts = int64_t{1} << 31;

torch::Tensor answer(double value, torch::Device device) {
  const torch::Tensor number = torch::scalar_tensor(value, torch::kFloat64);
  return device.is_mps() ? number.to(torch::kFloat32).to(device) : number.to(device);
}

// Of logits [N, C, ...] each probability p of the softmax as log(p / (1 - p)), which has the same
// order, and keeps apart what a softmax rounds to 1. For all but the highest class the others' sum
// is no difference of numbers that are nearly the same.
torch::Tensor log_odds(const torch::Tensor& logits) {
  const torch::Tensor wide_ones = wide(logits);
  const auto [highest, at] = wide_ones.max(1, /*keepdim=*/true);
  const torch::Tensor parts = (wide_ones - highest).exp();
  const torch::Tensor others = highest + (parts.sum(1, /*keepdim=*/true) - parts).log();
  const torch::Tensor without =
      wide_ones.scatter(1, at, -std::numeric_limits<double>::infinity()).logsumexp(1, true);
  return (wide_ones - others.scatter(1, at, without)).to(logits.scalar_type());
}

// Classes [N, C, ...] as columns of all samples, [N ..., C].
torch::Tensor by_columns(const torch::Tensor& tensor) {
  return tensor.transpose(0, 1).flatten(1).transpose(0, 1).contiguous();
}

}  // namespace

course::Value Thresholds::value() const {
  if (!given_) return {};
  if (!are_values_) return number_;
  return course::List(values_.begin(), values_.end());
}

torch::Tensor Thresholds::tensor(const std::string& name) const {
  if (!are_values_) {
    if (number_ < 2 || number_ > kMostThresholds) {
      throw Error(fmt::format("thresholds of {} is {}, but must be from 2 to {}", name, number_,
                              kMostThresholds));
    }
    return torch::linspace(0, 1, number_, torch::kFloat32);
  }
  if (values_.empty()) throw Error("thresholds of " + name + " are none");
  for (const double value : values_) {
    if (value >= 0 && value <= 1) continue;
    throw Error(fmt::format("thresholds of {} has {}, but must be from 0 to 1", name, value));
  }
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  return torch::tensor(sorted, torch::kFloat64).to(torch::kFloat32);
}

// --- Curves -----------------------------------------------------------------------------------

CurveMetric::CurveMetric(const std::string& name, CurveOptions options)
    : ClassifierMetric(
          name,
          {options.task, options.num_classes, options.num_labels, options.ignore_index,
           options.scores},
          /*decides=*/options.task.word() == "multiclass" || options.thresholds.given()),
      name_(name),
      options_(std::move(options)) {
  average_ = options_.average.of("average of " + name);
  if (average_ == Average::micro && !is_multilabel()) {
    throw Error(
        fmt::format("average of {} is \"micro\", but must be macro, weighted or none", name));
  }
  if (options_.thresholds.given()) {
    thresholds_ = options_.thresholds.tensor(name);
    const int64_t columns = is_binary() ? 1 : classes();
    if (columns > kMostCounts / (thresholds_.numel() + 1)) {
      throw Error(fmt::format("{} of {} classes and {} thresholds has too much to count", name,
                              columns, thresholds_.numel()));
    }
    const torch::Tensor none = torch::zeros({columns, thresholds_.numel() + 1}, torch::kInt64);
    add_state("positive", none, StateReduce::sum);
    add_state("negative", none, StateReduce::sum);
    return;
  }
  add_list_state("preds");
  add_list_state("target");
}

std::string CurveMetric::compute_group() const {
  std::string thresholds = "exact";
  if (thresholds_.defined()) {
    thresholds.clear();
    const auto* values = thresholds_.data_ptr<float>();
    for (int64_t i = 0; i < thresholds_.numel(); ++i) thresholds += fmt::format(" {}", values[i]);
  }
  return fmt::format("curve {} {}", input_group(), thresholds);
}

course::Dict CurveMetric::option_values() const {
  course::Dict values = input_options();
  values.set("average", options_.average.word());
  values.set("thresholds", options_.thresholds.value());
  return values;
}

// preds [N, C] or [N], target of the same shape or [N], and counts where some are ignored.
Batch CurveMetric::prepare(const Batch& inputs) {
  const Pair pair = scores_of(inputs, /*looks=*/true);
  const bool over_classes = task() == Task::multiclass;
  torch::Tensor scores = pair.preds, counts = pair.counts;
  if (over_classes && scores.is_cpu() && !pair.are_finite) {
    torch::Tensor infinite = scores.isinf().any(1);
    if (counts.defined()) infinite = infinite.logical_and(counts);
    if (infinite.any().item<bool>()) {
      throw Error(
          fmt::format("{} was given an infinite score; it takes finite ones of several "
                      "classes",
                      class_name(*this)));
    }
  }
  has_old_scores_ = has_old_scores_ && update_called();
  if (has_old_scores_ && pair.preds.is_cpu() && !(pair.least >= 0 && pair.most <= 1)) {
    throw Error(
        fmt::format("{} goes on from a checkpoint of version 0.1, which kept probabilities; "
                    "it cannot take logits before its next reset",
                    class_name(*this)));
  }
  if (thresholds_.defined()) {
    scores = probabilities(pair);
    if (thresholds_.device() != scores.device()) thresholds_ = thresholds_.to(scores.device());
  } else if (over_classes) {
    are_logits(pair);  // for compute_state(), where the order of each class's scores is made
  }
  scores = is_binary() ? scores.flatten() : by_columns(scores);
  const torch::Tensor target = is_multilabel() ? by_columns(pair.target) : pair.target.flatten();
  if (counts.defined()) counts = is_multilabel() ? by_columns(counts) : counts.flatten();
  if (!pair.are_finite) {
    look_for_nan(scores, counts.defined() && over_classes ? counts.unsqueeze(1) : counts);
  }
  std::vector<Batch::Item> items{{"preds", scores}, {"target", target}, noted()};
  if (counts.defined()) items.push_back({"counts", counts});
  return Batch(std::move(items));
}

void CurveMetric::update_state(const Batch& prepared) {
  torch::Tensor scores = prepared[0], target = prepared[1];
  const torch::Tensor counts = prepared.size() > 3 ? prepared[3] : torch::Tensor();
  note(prepared[2]);
  if (!thresholds_.defined()) {
    // What does not count stays, as nothing may wait to know how many these are.
    if (counts.defined()) target = target.masked_fill(counts.logical_not(), -1);
    list_state("preds").push_back(scores.clone());
    list_state("target").push_back(target.clone());
    return;
  }
  const bool over_classes = task() == Task::multiclass;
  if (is_binary()) scores = scores.unsqueeze(1);
  torch::Tensor positive = over_classes
                               ? torch::zeros(scores.sizes(), scores.options().dtype(torch::kBool))
                                     .scatter_(1, target.unsqueeze(1), true)
                               : target.reshape(scores.sizes()) == 1;
  torch::Tensor by = scores.isnan().logical_not();
  if (counts.defined()) {
    by = by.logical_and(over_classes ? counts.unsqueeze(1) : counts.reshape(scores.sizes()));
  }
  // How many thresholds a score comes up to is its bin.
  const int64_t bins = thresholds_.numel() + 1;
  const torch::Tensor bin =
      torch::bucketize(scores, thresholds_.to(scores.scalar_type()), /*out_int32=*/false,
                       /*right=*/true);
  const torch::Tensor cell = (bin + bins * torch::arange(scores.size(1), bin.options())).flatten();
  const auto add = [&](const char* name, const torch::Tensor& which) {
    state(name).view(-1).scatter_add_(0, cell, which.flatten().to(torch::kInt64));
  };
  add("positive", positive.logical_and(by));
  add("negative", positive.logical_not().logical_and(by));
}

// Version 0.1 kept probabilities, whatever it was given.
void CurveMetric::take_old_state() {
  if (thresholds_.defined()) return;
  has_old_scores_ = !list_state("preds").empty();
  if (has_old_scores_ && task() == Task::multiclass && options_.scores.word() == "automatic") {
    state("probabilities").fill_(1);
  }
}

void CurveMetric::check_states() {
  ClassifierMetric::check_states();
  if (thresholds_.defined()) return;
  const auto &all_preds = list_state("preds"), &all_target = list_state("target");
  if (all_preds.size() != all_target.size()) {
    throw Error(fmt::format("preds are of {} batches, but target of {}", all_preds.size(),
                            all_target.size()));
  }
  for (size_t i = 0; i < all_preds.size(); ++i) {
    const torch::Tensor &preds = all_preds[i], &target = all_target[i];
    std::vector<int64_t> wanted = target.sizes().vec();
    if (task() == Task::multiclass) wanted.push_back(classes());
    const bool columns = !is_multilabel() || (target.dim() == 2 && target.size(1) == classes());
    const bool fits = columns && target.dim() == (is_multilabel() ? 2 : 1) &&
                      preds.sizes() == torch::IntArrayRef(wanted) && preds.is_floating_point() &&
                      target.scalar_type() == torch::kInt64;
    if (!fits) refuse_shapes(preds, target, "scores, and as many labels");
  }
}

// --- Their values -----------------------------------------------------------------------------

// Samples with the same score are one point.
CurveMetric::Curve CurveMetric::curve_of(const torch::Tensor& scores, const torch::Tensor& target,
                                         const torch::Tensor& counts) const {
  const torch::Tensor known = scores.isnan().logical_not().logical_and(counts);
  const torch::Tensor some = scores.masked_select(known);
  const torch::Tensor positive = wide(target.masked_select(known));
  Curve curve;
  if (some.numel() == 0) {
    curve.positive = curve.negative = torch::empty({0}, positive.options());
    return curve;
  }
  const auto [values, inverse, all] =
      at::_unique2(some, /*sorted=*/true, /*return_inverse=*/true, /*return_counts=*/true);
  const torch::Tensor of_class =
      torch::zeros(values.sizes(), positive.options()).scatter_add_(0, inverse, positive);
  curve.positive = of_class.flip(0);
  curve.negative = wide(all).flip(0) - curve.positive;
  curve.positives = curve.positive.sum().item<double>();
  curve.negatives = curve.negative.sum().item<double>();
  return curve;
}

std::vector<CurveMetric::Curve> CurveMetric::exact_curves() {
  torch::Tensor preds = concatenated("preds");
  if (task() == Task::multiclass && preds.numel() > 0 && were_logits()) preds = log_odds(preds);
  torch::Tensor target = concatenated("target");
  if (target.numel() == 0) target = torch::zeros({0}, target.options().dtype(torch::kInt64));
  torch::Tensor counts = target >= 0;
  // Version 0.1 kept the index that is ignored.
  if (const auto ignored = options_.ignore_index) {
    if (*ignored < 0 || *ignored >= classes()) counts = counts.logical_and(target != *ignored);
  }
  if (is_binary() || average_ == Average::micro) {
    return {curve_of(preds.flatten(), (target == 1).flatten(), counts.flatten())};
  }
  std::vector<Curve> curves;
  for (int64_t c = 0; c < classes(); ++c) {
    if (target.numel() == 0) {
      curves.push_back(curve_of(preds, target, counts));
    } else if (is_multilabel()) {
      curves.push_back(curve_of(preds.select(1, c), target.select(1, c) == 1, counts.select(1, c)));
    } else {
      curves.push_back(curve_of(preds.select(1, c), target == c, counts));
    }
  }
  return curves;
}

// The lowest bin is below all thresholds.
std::vector<CurveMetric::Curve> CurveMetric::binned_curves() {
  torch::Tensor positive = wide(state("positive")), negative = wide(state("negative"));
  if (average_ == Average::micro) {
    positive = positive.sum(0, /*keepdim=*/true);
    negative = negative.sum(0, /*keepdim=*/true);
  }
  std::vector<Curve> curves;
  for (int64_t c = 0; c < positive.size(0); ++c) {
    Curve curve;
    curve.exact = false;
    curve.positives = positive[c].sum().item<double>();
    curve.negatives = negative[c].sum().item<double>();
    curve.positive = positive[c].slice(0, 1).flip(0);
    curve.negative = negative[c].slice(0, 1).flip(0);
    curves.push_back(curve);
  }
  return curves;
}

torch::Tensor CurveMetric::compute_state() {
  const std::vector<Curve> curves = thresholds_.defined() ? binned_curves() : exact_curves();
  std::vector<double> values;
  double sum = 0, weight = 0;
  int64_t undefined = 0;
  for (const Curve& curve : curves) {
    const bool known = !needs_both() || (curve.positives > 0 && curve.negatives > 0);
    values.push_back(known ? value_of(curve) : kNaN);
    if (!known) {
      ++undefined;
      continue;
    }
    const double by = average_ == Average::weighted ? curve.positives : 1;
    sum += by * values.back();
    weight += by;
  }
  if (undefined > 0) {
    warn(fmt::format("{}: {} classes have no sample, or nothing else; their value is NaN",
                     class_name(*this), undefined));
  }
  const torch::Device device =
      (thresholds_.defined() ? state("positive") : state("nan_count")).device();
  if (!is_binary() && average_ == Average::none) {
    const torch::Tensor all = torch::tensor(values, torch::kFloat64);
    return device.is_mps() ? all.to(torch::kFloat32).to(device) : all.to(device);
  }
  if (weight == 0 && !needs_both()) return answer(0, device);
  return answer(weight == 0 ? kNaN : sum / weight, device);
}

namespace {

CurveOptions as_curve(const AUROCOptions& options) {
  return {.task = options.task,
          .num_classes = options.num_classes,
          .num_labels = options.num_labels,
          .average = options.average,
          .ignore_index = options.ignore_index,
          .thresholds = options.thresholds,
          .scores = options.scores};
}

}  // namespace

AUROC::AUROC(Options options) : CurveMetric("AUROC", as_curve(options)), max_fpr_(options.max_fpr) {
  if (max_fpr_ && !(*max_fpr_ > 0 && *max_fpr_ <= 1)) {
    throw Error(
        fmt::format("max_fpr of AUROC is {}, but must be above 0 and at most 1", *max_fpr_));
  }
  if (max_fpr_ && !is_binary()) throw Error("max_fpr of AUROC is for task binary alone");
  clones<AUROC>();
}

course::Dict AUROC::option_values() const {
  course::Dict values = CurveMetric::option_values();
  values.set("max_fpr", max_fpr_ ? course::Value(*max_fpr_) : course::Value());
  return values;
}

double AUROC::value_of(const Curve& curve) const {
  const torch::Tensor true_rates = (curve.positive.cumsum(0) / curve.positives).cpu();
  const torch::Tensor false_rates = (curve.negative.cumsum(0) / curve.negatives).cpu();
  const torch::Tensor t = true_rates.to(torch::kFloat64), f = false_rates.to(torch::kFloat64);
  const double* true_rate = t.data_ptr<double>();
  const double* false_rate = f.data_ptr<double>();
  const double most = max_fpr_.value_or(1);
  double x = 0, y = 0, area = 0;
  for (int64_t k = 0; k < t.numel(); ++k) {
    double next_x = false_rate[k], next_y = true_rate[k];
    const bool over = next_x > most;
    if (over) {
      next_y = y + (next_y - y) * (most - x) / (next_x - x);
      next_x = most;
    }
    if (curve.exact || k > 0) area += (next_x - x) * (next_y + y) / 2;
    x = next_x;
    y = next_y;
    if (over) break;
  }
  if (most == 1) return area;
  const double least = most * most / 2;
  return (1 + (area - least) / (most - least)) / 2;
}

AveragePrecision::AveragePrecision(Options options)
    : CurveMetric("AveragePrecision", std::move(options)) {
  clones<AveragePrecision>();
}

double AveragePrecision::value_of(const Curve& curve) const {
  if (curve.positives == 0) return 0;
  const torch::Tensor right = curve.positive.cumsum(0), wrong = curve.negative.cumsum(0);
  const torch::Tensor precision = detail::ratio(right, right + wrong);
  return (curve.positive * precision).sum().item<double>() / curve.positives;
}

}  // namespace lit
