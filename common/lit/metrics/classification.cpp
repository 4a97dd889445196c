// Metrics of classifiers: binary and multiclass.
#include "lit/metrics/classification.h"

#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <cmath>
#include <limits>

#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {
namespace {

void check_task(const std::string& name, const std::string& task, int64_t classes) {
  if (task != "binary" && task != "multiclass") {
    throw Error(
        fmt::format("task of {} is \"{}\", but must be \"binary\" or \"multiclass\"", name, task));
  }
  if (task == "multiclass" && classes < 2) {
    throw Error(fmt::format("num_classes of {} is {}, but must be at least 2", name, classes));
  }
}

void check_average(const std::string& name, const std::string& average, bool micro) {
  if (average == "macro" || average == "weighted" || average == "none") return;
  if (micro && average == "micro") return;
  throw Error(fmt::format("average of {} is \"{}\", but must be {}macro, weighted or none", name,
                          average, micro ? "micro, " : ""));
}

// Whole numbers from 0 to below `classes`? Looked at on the CPU only: elsewhere one would wait.
void check_range(const std::string& what, const torch::Tensor& labels, int64_t classes,
                 std::optional<int64_t> ignore_index) {
  if (!labels.is_cpu() || labels.numel() == 0) return;
  torch::Tensor wrong = (labels < 0).logical_or(labels >= classes);
  if (ignore_index) wrong = wrong.logical_and(labels != *ignore_index);
  if (!wrong.any().item<bool>()) return;
  throw Error(fmt::format("{} has the class {}, but with num_classes={} classes go from 0 to {}",
                          what, labels.masked_select(wrong)[0].item<int64_t>(), classes,
                          classes - 1));
}

// A batch as a metric counts it: classes, and which of them count.
struct Labels {
  torch::Tensor preds, target;  // [N] int64
  torch::Tensor counts;         // [N] bool: not ignored
};

[[noreturn]] void refuse_shapes(const std::string& name, const torch::Tensor& preds,
                                const torch::Tensor& target, const std::string& wanted) {
  throw Error(fmt::format("{} was given preds of shape {} and target of shape {}; it takes {}",
                          name, c10::str(preds.sizes()), c10::str(target.sizes()), wanted));
}

// Probabilities as they are; anything else through a sigmoid or softmax. Nobody waits to know.
torch::Tensor probabilities(const torch::Tensor& preds, const torch::Tensor& otherwise) {
  const torch::Tensor are = (preds >= 0).logical_and(preds <= 1).all();
  return torch::where(are, preds, otherwise);
}

Labels labels_of(const std::string& name, const Batch& inputs, const std::string& task,
                 int64_t classes, int64_t top_k, double threshold,
                 std::optional<int64_t> ignore_index) {
  auto [preds, target] = inputs.unpack<2>();
  if (target.is_floating_point()) {
    throw Error(fmt::format("{} was given a target of {}; it takes whole numbers", name,
                            c10::toString(target.scalar_type())));
  }
  torch::Tensor hits;  // with top_k: is the target among the highest?
  if (task == "binary") {
    if (preds.sizes() != target.sizes()) {
      refuse_shapes(name, preds, target, "the same shape");
    }
    if (preds.is_floating_point()) {
      preds = probabilities(preds, preds.sigmoid()) > threshold;
    }
  } else if (preds.dim() == target.dim() + 1 && preds.is_floating_point()) {
    const auto expected = [&] {
      auto sizes = target.sizes().vec();
      sizes.insert(sizes.begin() + 1, classes);
      return sizes;
    };
    if (target.dim() < 1 || preds.sizes() != torch::IntArrayRef(expected())) {
      refuse_shapes(name, preds, target,
                    fmt::format("preds [N, {}, ...] and target [N, ...]", classes));
    }
    if (top_k > 1) {
      const torch::Tensor best = std::get<1>(preds.topk(top_k, /*dim=*/1));
      hits = best.eq(target.unsqueeze(1)).any(1).reshape({-1});
    }
    preds = preds.argmax(1);
  } else {
    if (preds.sizes() != target.sizes() || preds.is_floating_point()) {
      refuse_shapes(
          name, preds, target,
          fmt::format("preds [N, {}, ...] of scores, or classes of the target's shape", classes));
    }
    if (top_k > 1) {
      throw Error(
          fmt::format("{} has top_k={}, which needs scores, but was given classes", name, top_k));
    }
  }
  preds = preds.reshape({-1}).to(torch::kInt64);
  target = target.reshape({-1}).to(torch::kInt64);
  check_range("preds", preds, classes, std::nullopt);
  check_range("target", target, classes, ignore_index);
  torch::Tensor counts = torch::ones_like(target, torch::kBool);
  if (ignore_index) {
    counts = target != *ignore_index;
    target = target.clamp(0, classes - 1);  // any class: it is not counted
  }
  if (hits.defined()) preds = torch::where(hits, target, preds);
  return {preds, target, counts};
}

// How often each class occurs where `counts`: [C].
torch::Tensor tally(const torch::Tensor& labels, const torch::Tensor& counts, int64_t classes) {
  return torch::zeros({classes}, labels.options())
      .scatter_add_(0, labels, counts.to(torch::kInt64));
}

using detail::wide;

// 0 where there is nothing to divide by.
torch::Tensor ratio(const torch::Tensor& part, const torch::Tensor& whole) {
  return torch::where(whole == 0, torch::zeros_like(whole), part / whole);
}

}  // namespace

// --- Counts -----------------------------------------------------------------------------------

StatScores::StatScores(Options options) : options_(std::move(options)) {
  const std::string name = "a classification metric";
  check_task(name, options_.task, options_.num_classes);
  check_average(name, options_.average, /*micro=*/true);
  const int64_t most = is_binary() ? 1 : options_.num_classes;
  if (options_.top_k < 1 || options_.top_k > most) {
    throw Error(
        fmt::format("top_k of {} is {}, but must be from 1 to {}", name, options_.top_k, most));
  }
  if (options_.threshold < 0 || options_.threshold > 1) {
    throw Error(
        fmt::format("threshold of {} is {}, but must be from 0 to 1", name, options_.threshold));
  }
  for (const char* count : {"tp", "fp", "tn", "fn"}) {
    add_state(count,
              counts_classes() ? torch::zeros({options_.num_classes}, torch::kInt64)
                               : torch::zeros({}, torch::kInt64),
              StateReduce::sum);
  }
}

std::string StatScores::compute_group() const {
  const auto ignored = options_.ignore_index ? std::to_string(*options_.ignore_index) : "none";
  return fmt::format("stat_scores {} {} {} {} {} {}", options_.task, options_.num_classes,
                     counts_classes(), options_.top_k, options_.threshold, ignored);
}

void StatScores::update_state(const Batch& inputs) {
  const int64_t classes = is_binary() ? 2 : options_.num_classes;
  const auto [preds, target, counts] =
      labels_of(class_name(*this), inputs, options_.task, classes, options_.top_k,
                options_.threshold, options_.ignore_index);
  const torch::Tensor right = preds.eq(target).logical_and(counts);
  const torch::Tensor n = counts.sum();
  torch::Tensor tp, support, predicted, all = n;
  if (is_binary()) {
    tp = (right * target).sum();
    support = (counts * target).sum();
    predicted = (counts * preds).sum();
  } else if (counts_classes()) {
    tp = tally(target, right, classes);
    support = tally(target, counts, classes);
    predicted = tally(preds, counts, classes);
  } else {
    tp = right.sum();
    support = predicted = n;
    all = n * classes;
  }
  state("tp") += tp;
  state("fp") += predicted - tp;
  state("fn") += support - tp;
  state("tn") += all - predicted - support + tp;
}

torch::Tensor StatScores::compute_state() {
  const Counts counts{wide(state("tp")), wide(state("fp")), wide(state("tn")), wide(state("fn"))};
  const torch::Tensor each = score(counts);
  if (!counts_classes() || options_.average == "none") return each;
  const torch::Tensor support = counts.tp + counts.fn;
  torch::Tensor weights = support;
  if (options_.average == "macro") {
    const torch::Tensor seen = options_.top_k == 1 ? support + counts.fp : support;
    weights = (seen > 0).to(each.scalar_type());
  }
  return ratio((each * weights).sum(), weights.sum());
}

torch::Tensor Accuracy::score(const Counts& c) const {
  return is_binary() ? ratio(c.tp + c.tn, c.tp + c.tn + c.fp + c.fn) : ratio(c.tp, c.tp + c.fn);
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

// --- Confusion matrix -------------------------------------------------------------------------

ConfusionMatrix::ConfusionMatrix(Options options) : options_(std::move(options)) {
  check_task("ConfusionMatrix", options_.task, options_.num_classes);
  const std::string& by = options_.normalize;
  if (by != "none" && by != "true" && by != "pred" && by != "all") {
    throw Error(fmt::format(
        "normalize of ConfusionMatrix is \"{}\", but must be none, true, pred or all", by));
  }
  classes_ = options_.task == "binary" ? 2 : options_.num_classes;
  add_state("confmat", torch::zeros({classes_, classes_}, torch::kInt64), StateReduce::sum);
}

void ConfusionMatrix::update_state(const Batch& inputs) {
  const auto [preds, target, counts] = labels_of("ConfusionMatrix", inputs, options_.task, classes_,
                                                 1, options_.threshold, options_.ignore_index);
  const torch::Tensor pairs = tally(target * classes_ + preds, counts, classes_ * classes_);
  state("confmat") += pairs.reshape({classes_, classes_});
}

torch::Tensor ConfusionMatrix::compute_state() {
  const torch::Tensor& counts = state("confmat");
  if (options_.normalize == "none") return counts.clone();
  torch::Tensor whole = counts.sum();
  if (options_.normalize == "true") whole = counts.sum(1, /*keepdim=*/true);
  if (options_.normalize == "pred") whole = counts.sum(0, /*keepdim=*/true);
  const auto empty = (whole == 0).sum().item<int64_t>();
  if (empty > 0) {
    warn(fmt::format("{} of the confusion matrix have no samples, and are 0",
                     options_.normalize == "pred"  ? fmt::format("{} columns", empty)
                     : options_.normalize == "all" ? std::string("all entries")
                                                   : fmt::format("{} rows", empty)));
  }
  return ratio(wide(counts), wide(whole).expand_as(counts));
}

// --- Area under the curve ---------------------------------------------------------------------

namespace {

// By ranks (Mann and Whitney): the positives' ranks tell how many negatives each is above, and
// samples with the same score share the mean of their ranks.
double area(const torch::Tensor& scores, const torch::Tensor& positive) {
  const auto n = static_cast<double>(scores.numel());
  const auto p = positive.sum().item<double>();
  if (p == 0 || p == n) return std::numeric_limits<double>::quiet_NaN();
  const auto [values, inverse, counts] =
      at::_unique2(scores, /*sorted=*/true, /*return_inverse=*/true, /*return_counts=*/true);
  const torch::Tensor last = counts.cumsum(0);  // the highest rank of each score, from 1 on
  const torch::Tensor rank = wide(last) - (wide(counts) - 1) / 2;
  const auto sum = (rank.index_select(0, inverse) * positive).sum().item<double>();
  return (sum - p * (p + 1) / 2) / (p * (n - p));
}

}  // namespace

AUROC::AUROC(Options options) : options_(std::move(options)) {
  check_task("AUROC", options_.task, options_.num_classes);
  check_average("AUROC", options_.average, /*micro=*/false);
  add_list_state("preds");
  add_list_state("target");
}

void AUROC::update_state(const Batch& inputs) {
  auto [preds, target] = inputs.unpack<2>();
  const bool binary = options_.task == "binary";
  const int64_t classes = options_.num_classes;
  if (binary
          ? preds.sizes() != target.sizes()
          : target.dim() != 1 || preds.sizes() != torch::IntArrayRef({target.size(0), classes})) {
    refuse_shapes("AUROC", preds, target,
                  binary ? "the same shape" : fmt::format("preds [N, {}] and target [N]", classes));
  }
  if (!preds.is_floating_point() || target.is_floating_point()) {
    throw Error("AUROC takes scores as preds, and whole numbers as target");
  }
  check_range("target", target, binary ? 2 : classes, options_.ignore_index);
  preds = probabilities(preds, binary ? preds.sigmoid() : preds.softmax(1));
  if (binary) {
    preds = preds.reshape({-1});
    target = target.reshape({-1});
  }
  list_state("preds").push_back(preds.clone());
  list_state("target").push_back(target.to(torch::kInt64).clone());
}

void AUROC::check_states() {
  const auto &all_preds = list_state("preds"), &all_target = list_state("target");
  if (all_preds.size() != all_target.size()) {
    throw Error(fmt::format("preds are of {} batches, but target of {}", all_preds.size(),
                            all_target.size()));
  }
  for (size_t i = 0; i < all_preds.size(); ++i) {
    const torch::Tensor &preds = all_preds[i], &target = all_target[i];
    std::vector<int64_t> wanted = target.sizes().vec();
    if (options_.task != "binary") wanted.push_back(options_.num_classes);
    const bool fits = target.dim() == 1 && preds.sizes() == torch::IntArrayRef(wanted) &&
                      preds.is_floating_point() && target.scalar_type() == torch::kInt64;
    if (!fits) refuse_shapes("AUROC", preds, target, "scores, and as many labels");
  }
}

torch::Tensor AUROC::compute_state() {
  torch::Tensor preds = concatenated("preds"), target = concatenated("target");
  if (options_.ignore_index && target.numel() > 0) {
    const torch::Tensor counts = target != *options_.ignore_index;
    preds = preds.index({counts});
    target = target.index({counts});
  }
  const auto answer = [&](double value) {
    return torch::scalar_tensor(value, wide(torch::empty({0}, preds.options())).options());
  };
  const auto tell = [](int64_t classes) {
    if (classes == 0) return;
    warn(fmt::format("AUROC: {} classes have no sample, or nothing else; their value is NaN",
                     classes));
  };
  if (options_.task == "binary") {
    const double value = area(preds, target == 1);
    tell(std::isnan(value) ? 1 : 0);
    return answer(value);
  }
  std::vector<double> areas, support;
  double sum = 0, weight = 0;
  int64_t undefined = 0;
  for (int64_t c = 0; c < options_.num_classes; ++c) {
    const torch::Tensor positive = target == c;
    areas.push_back(target.numel() == 0 ? std::numeric_limits<double>::quiet_NaN()
                                        : area(preds.select(1, c).contiguous(), positive));
    support.push_back(positive.sum().item<double>());
    if (std::isnan(areas.back())) {
      ++undefined;
      continue;
    }
    const double by = options_.average == "weighted" ? support.back() : 1;
    sum += by * areas.back();
    weight += by;
  }
  tell(undefined);
  if (options_.average == "none") {
    return torch::tensor(areas, answer(0).options());
  }
  return answer(weight == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / weight);
}

}  // namespace lit
