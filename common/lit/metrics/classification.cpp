// Metrics of classifiers that count right and wrong.
#include "lit/metrics/classification.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {
namespace {

using detail::tally;
using detail::wide;

// A whole table of counts is not made of more.
constexpr int64_t kMostCells = int64_t{1} << 31;

double checked_threshold(const std::string& name, double threshold) {
  if (threshold >= 0 && threshold <= 1) return threshold;
  throw Error(fmt::format("threshold of {} is {}, but must be from 0 to 1", name, threshold));
}

// Classes [N, X], or labels [N, L, X], of which each counts or not.
struct Labels {
  torch::Tensor preds, target, counts;
};

// Dimensions from `dim` on as one.
torch::Tensor flattened(const torch::Tensor& tensor, int64_t dim) {
  if (!tensor.defined()) return tensor;
  torch::Tensor flat = tensor;
  while (flat.dim() <= dim) flat = flat.unsqueeze(-1);
  return flat.flatten(dim);
}

Batch packed(const Labels& labels, const Batch::Item& noted) {
  std::vector<Batch::Item> items{{"preds", labels.preds}, {"target", labels.target}, noted};
  if (labels.counts.defined()) items.push_back({"counts", labels.counts});
  return Batch(std::move(items));
}

Labels labels_in(const Batch& batch) {
  return {batch[0], batch[1], batch.size() > 3 ? batch[3] : torch::Tensor()};
}

torch::Tensor where_counted(const torch::Tensor& tensor, const torch::Tensor& counts) {
  return counts.defined() ? tensor.logical_and(counts) : tensor;
}

}  // namespace

// --- Counts -----------------------------------------------------------------------------------

StatScores::StatScores(const std::string& name, Options options)
    : ClassifierMetric(name,
                       {options.task, options.num_classes, options.num_labels, options.ignore_index,
                        options.scores},
                       /*decides=*/options.task.word() != "multiclass"),
      options_(std::move(options)) {
  average_ = options_.average.of("average of " + name);
  multidim_average_ = options_.multidim_average.of("multidim_average of " + name);
  const int64_t most = task() == Task::multiclass ? classes() : 1;
  if (options_.top_k < 1 || options_.top_k > most) {
    throw Error(
        fmt::format("top_k of {} is {}, but must be from 1 to {}", name, options_.top_k, most));
  }
  checked_threshold(name, options_.threshold);
  if (options_.zero_division != 0 && options_.zero_division != 1) {
    throw Error(
        fmt::format("zero_division of {} is {}, but must be 0 or 1", name, options_.zero_division));
  }
  for (const char* count : {"tp", "fp", "tn", "fn"}) {
    if (is_samplewise()) {
      add_list_state(count);
    } else {
      add_state(count,
                counts_classes() ? torch::zeros({classes()}, torch::kInt64)
                                 : torch::zeros({}, torch::kInt64),
                StateReduce::sum);
    }
  }
}

std::string StatScores::compute_group() const {
  return fmt::format("stat_scores {} {} {} {} {}", input_group(), counts_classes(), options_.top_k,
                     options_.threshold, options_.multidim_average.word());
}

course::Dict StatScores::option_values() const {
  course::Dict values = input_options();
  values.set("average", options_.average.word());
  values.set("top_k", options_.top_k);
  values.set("threshold", options_.threshold);
  values.set("multidim_average", options_.multidim_average.word());
  values.set("zero_division", options_.zero_division);
  return values;
}

Batch StatScores::prepare(const Batch& inputs) {
  const Pair pair = pair_of(inputs, /*looks=*/task() != Task::multiclass);
  const int64_t further = is_multilabel() ? 2 : 1;
  if (is_samplewise() && pair.target.dim() <= further) {
    throw Error(
        fmt::format("{} is samplewise, but was given a target of {} dimensions; it takes at "
                    "least {}",
                    class_name(*this), pair.target.dim(), further + 1));
  }
  Labels labels{pair.preds, pair.target, pair.counts};
  if (task() != Task::multiclass) {
    const torch::Tensor scores = probabilities(pair);
    if (pair.are_scores) {
      if (!pair.are_finite) look_for_nan(scores, pair.counts);
      labels.preds = (scores > options_.threshold).to(torch::kInt64);
    }
  } else if (pair.preds.dim() > pair.target.dim()) {
    if (options_.top_k > 1) {
      // The target if it is among the highest, or else the highest one.
      const auto [highest, best] = pair.preds.topk(options_.top_k, /*dim=*/1);
      look_for_nan(highest.select(1, 0), pair.counts);
      const torch::Tensor hits = best.eq(pair.target.unsqueeze(1)).any(1);
      labels.preds = torch::where(hits, pair.target, best.select(1, 0));
    } else {
      const auto [highest, best] = pair.preds.max(1);
      look_for_nan(highest, pair.counts);
      labels.preds = best;
    }
  } else {
    if (options_.top_k > 1) {
      throw Error(fmt::format("{} has top_k={}, which needs scores, but was given classes",
                              class_name(*this), options_.top_k));
    }
  }
  for (torch::Tensor* tensor : {&labels.preds, &labels.target, &labels.counts}) {
    *tensor = flattened(*tensor, further);
  }
  return packed(labels, noted());
}

void StatScores::update_state(const Batch& prepared) {
  auto [preds, target, counts] = labels_in(prepared);
  const torch::Tensor right = where_counted(preds.eq(target), counts);
  torch::Tensor tp, support, predicted, all;
  if (task() != Task::multiclass) {
    // Over samples and further dimensions, and over labels unless each has its own count.
    std::vector<int64_t> over{preds.dim() - 1};
    if (!is_samplewise()) over.push_back(0);
    if (is_multilabel() && !counts_classes()) over.push_back(1);
    const auto sum = [&](const torch::Tensor& tensor) { return tensor.sum(over); };
    all = counts.defined() ? sum(counts) : sum(torch::ones_like(target));
    tp = sum(right * target);
    support = sum(target);
    predicted = sum(counts.defined() ? counts * preds : preds);
  } else if (!counts_classes()) {
    const auto sum = [&](const torch::Tensor& tensor) {
      return is_samplewise() ? tensor.sum(1) : tensor.sum();
    };
    tp = sum(right);
    support = predicted = counts.defined() ? sum(counts) : sum(torch::ones_like(target));
    all = support * classes();
  } else if (is_samplewise()) {
    const auto each = [&](const torch::Tensor& labels, const torch::Tensor& by) {
      return torch::zeros({labels.size(0), classes()}, labels.options())
          .scatter_add_(1, labels, by.to(torch::kInt64));
    };
    const torch::Tensor by = counts.defined() ? counts : torch::ones_like(target);
    tp = each(target, right);
    support = each(target, by);
    predicted = each(preds, by);
    all = by.to(torch::kInt64).sum(1, /*keepdim=*/true);
  } else {
    preds = preds.flatten();
    target = target.flatten();
    if (counts.defined()) counts = counts.flatten();
    tp = tally(target, right.flatten(), classes());
    support = tally(target, counts, classes());
    predicted = tally(preds, counts, classes());
    all = counts.defined() ? counts.sum() : torch::scalar_tensor(target.numel(), target.options());
  }
  const auto add = [&](const char* name, const torch::Tensor& count) {
    if (is_samplewise()) {
      list_state(name).push_back(count);
    } else {
      state(name) += count;
    }
  };
  add("tp", tp);
  add("fp", predicted - tp);
  add("fn", support - tp);
  add("tn", all - predicted - support + tp);
  note(prepared[2]);
}

torch::Tensor StatScores::compute_state() {
  const auto count = [&](const char* name) {
    return wide(is_samplewise() ? concatenated(name) : state(name));
  };
  const Counts counts{count("tp"), count("fp"), count("tn"), count("fn")};
  const torch::Tensor each = score(counts);
  if (!counts_classes() || average_ == Average::none || each.numel() == 0) return each;
  const torch::Tensor support = counts.tp + counts.fn;
  torch::Tensor weights = support;
  if (average_ == Average::macro) {
    weights = torch::ones_like(each);
    if (!is_multilabel()) {
      const bool of_samples = options_.top_k > 1 && averages_classes_of_samples();
      weights = ((of_samples ? support : support + counts.fp) > 0).to(each.scalar_type());
    }
  }
  return detail::ratio((each * weights).sum(-1), weights.sum(-1));
}

torch::Tensor StatScores::ratio(const torch::Tensor& part, const torch::Tensor& whole) const {
  return detail::ratio(part, whole, options_.zero_division);
}

torch::Tensor Accuracy::score(const Counts& c) const {
  return task() == Task::multiclass ? detail::ratio(c.tp, c.tp + c.fn)
                                    : detail::ratio(c.tp + c.tn, c.tp + c.tn + c.fp + c.fn);
}

torch::Tensor Precision::score(const Counts& c) const {
  return ratio(c.tp, c.tp + c.fp);
}

torch::Tensor Recall::score(const Counts& c) const {
  return ratio(c.tp, c.tp + c.fn);
}

torch::Tensor F1Score::score(const Counts& c) const {
  return ratio(2 * c.tp, 2 * c.tp + c.fp + c.fn);
}

torch::Tensor Specificity::score(const Counts& c) const {
  return detail::ratio(c.tn, c.tn + c.fp);
}

// --- Confusion matrix -------------------------------------------------------------------------

ConfusionCounts::ConfusionCounts(const std::string& name, ConfusionMatrixOptions options)
    : ClassifierMetric(name,
                       {options.task, options.num_classes, options.num_labels, options.ignore_index,
                        options.scores},
                       /*decides=*/options.task.word() != "multiclass"),
      threshold_(checked_threshold(name, options.threshold)) {
  if (!is_multilabel() && classes() > kMostCells / classes()) {
    throw Error(fmt::format("num_classes of {} is {}, which makes a matrix too large to be counted",
                            name, classes()));
  }
  add_state("confmat",
            is_multilabel() ? torch::zeros({classes(), 2, 2}, torch::kInt64)
                            : torch::zeros({classes(), classes()}, torch::kInt64),
            StateReduce::sum);
}

std::string ConfusionCounts::compute_group() const {
  return fmt::format("confusion {} {}", input_group(), threshold_);
}

course::Dict ConfusionCounts::option_values() const {
  course::Dict values = input_options();
  values.set("threshold", threshold_);
  return values;
}

Batch ConfusionCounts::prepare(const Batch& inputs) {
  const Pair pair = pair_of(inputs, /*looks=*/task() != Task::multiclass);
  Labels labels{pair.preds, pair.target, pair.counts};
  if (task() == Task::multiclass && pair.preds.dim() > pair.target.dim()) {
    const auto [highest, best] = pair.preds.max(1);
    look_for_nan(highest, pair.counts);
    labels.preds = best;
  } else {
    const torch::Tensor scores = probabilities(pair);
    if (pair.are_scores) {
      if (!pair.are_finite) look_for_nan(scores, pair.counts);
      labels.preds = (scores > threshold_).to(torch::kInt64);
    }
  }
  return packed(labels, noted());
}

void ConfusionCounts::update_state(const Batch& prepared) {
  const auto [preds, target, counts] = labels_in(prepared);
  torch::Tensor cells = is_multilabel() ? 2 * target + preds : target * classes() + preds;
  if (is_multilabel()) {
    std::vector<int64_t> sizes(static_cast<size_t>(cells.dim()), 1);
    sizes[1] = classes();
    cells = cells + 4 * torch::arange(classes(), cells.options()).reshape(sizes);
  }
  const torch::Tensor by =
      counts.defined() ? counts.to(torch::kInt64) : torch::ones_like(cells, torch::kInt64);
  state("confmat").view(-1).scatter_add_(0, cells.flatten(), by.flatten());
  note(prepared[2]);
}

ConfusionMatrix::ConfusionMatrix(Options options)
    : ConfusionCounts("ConfusionMatrix", options),
      normalize_(options.normalize.of("normalize of ConfusionMatrix")) {
  clones<ConfusionMatrix>();
}

course::Dict ConfusionMatrix::option_values() const {
  course::Dict values = ConfusionCounts::option_values();
  values.set("normalize", Choice<Normalize>(normalize_).word());
  return values;
}

// What each count is divided by.
torch::Tensor ConfusionMatrix::sums() {
  if (normalize_ == Normalize::by_true) return counts().sum(-1, /*keepdim=*/true);
  if (normalize_ == Normalize::by_pred) return counts().sum(-2, /*keepdim=*/true);
  return counts().sum(-1, /*keepdim=*/true).sum(-2, /*keepdim=*/true);
}

void ConfusionMatrix::look_at_states() {
  ConfusionCounts::look_at_states();
  if (normalize_ == Normalize::none) return;
  const auto empty = (sums() == 0).sum().item<int64_t>();
  if (empty == 0) return;
  const char* const kind = normalize_ == Normalize::by_true   ? "rows"
                           : normalize_ == Normalize::by_pred ? "columns"
                                                              : "matrices";
  warn(fmt::format("{} {} of the confusion matrix have no samples, and are 0", empty, kind));
}

torch::Tensor ConfusionMatrix::compute_state() {
  if (normalize_ == Normalize::none) return counts().clone();
  return detail::ratio(wide(counts()), wide(sums()).expand_as(counts()));
}

// --- Agreement --------------------------------------------------------------------------------

CohenKappa::CohenKappa(Options options)
    : ConfusionCounts("CohenKappa", {.task = options.task,
                                     .num_classes = options.num_classes,
                                     .ignore_index = options.ignore_index,
                                     .threshold = options.threshold,
                                     .scores = options.scores}),
      weights_(options.weights.of("weights of CohenKappa")) {
  if (is_multilabel())
    throw Error("task of CohenKappa is multilabel, but must be binary or multiclass");
  clones<CohenKappa>();
}

course::Dict CohenKappa::option_values() const {
  course::Dict values = ConfusionCounts::option_values();
  values.set("weights", Choice<KappaWeights>(weights_).word());
  return values;
}

// Of all samples the cost of where they are, over the cost of where chance would put them.
torch::Tensor CohenKappa::compute_state() {
  const torch::Tensor found = wide(counts());
  const torch::Tensor expected =
      found.sum(1, /*keepdim=*/true).matmul(found.sum(0, /*keepdim=*/true)) / found.sum();
  const torch::Tensor at = torch::arange(classes(), found.options());
  torch::Tensor cost = (at.unsqueeze(0) - at.unsqueeze(1)).abs();
  if (weights_ == KappaWeights::quadratic) cost = cost.square();
  if (weights_ == KappaWeights::none) cost = (cost > 0).to(found.scalar_type());
  return 1 - (cost * found).sum() / (cost * expected).sum();
}

MatthewsCorrCoef::MatthewsCorrCoef(Options options)
    : ConfusionCounts("MatthewsCorrCoef", {.task = options.task,
                                           .num_classes = options.num_classes,
                                           .num_labels = options.num_labels,
                                           .ignore_index = options.ignore_index,
                                           .threshold = options.threshold,
                                           .scores = options.scores}) {
  clones<MatthewsCorrCoef>();
}

// The covariance of true and predicted classes over their deviations. In two classes all right is
// 1, and all wrong is -1, whether both classes occur or not.
torch::Tensor MatthewsCorrCoef::compute_state() {
  torch::Tensor found = wide(counts());
  if (is_multilabel()) found = found.sum(0);
  const torch::Tensor of_true = found.sum(1), of_pred = found.sum(0);
  const torch::Tensor right = found.trace(), all = found.sum();
  const torch::Tensor covariance = right * all - (of_true * of_pred).sum();
  const torch::Tensor deviations =
      (all.square() - of_true.square().sum()) * (all.square() - of_pred.square().sum());
  torch::Tensor value = detail::ratio(covariance, deviations.sqrt());
  if (found.size(0) > 2) return value;
  value = torch::where((right == all).logical_and(all > 0), torch::ones_like(value), value);
  return torch::where((right == 0).logical_and(all > 0), -torch::ones_like(value), value);
}

}  // namespace lit
