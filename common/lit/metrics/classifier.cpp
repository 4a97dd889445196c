// What metrics of classifiers have in common.
#include "lit/metrics/classifier.h"

#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <cmath>

#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {
namespace {

// More would need more memory than there is.
constexpr int64_t kMostClasses = 100'000'000;

bool has_any(const torch::Tensor& tensor) {
  return tensor.any().item<bool>();
}

}  // namespace

ClassifierMetric::ClassifierMetric(const std::string& name, const Inputs& inputs, bool decides)
    : inputs_(inputs),
      task_(inputs.task.of("task of " + name)),
      scores_(inputs.scores.of("scores of " + name)),
      decides_(decides) {
  if (task_ != Task::binary) {
    const bool labels = task_ == Task::multilabel;
    classes_ = labels ? inputs.num_labels : inputs.num_classes;
    if (classes_ < 2 || classes_ > kMostClasses) {
      throw Error(fmt::format("{} of {} is {}, but must be at least 2{}",
                              labels ? "num_labels" : "num_classes", name, classes_,
                              classes_ < 2 ? "" : fmt::format(" and at most {}", kMostClasses)));
    }
  }
  const torch::Tensor none = torch::zeros({}, torch::kInt64);
  add_state("nan_count", none, StateReduce::sum);
  may_be_missing("nan_count");
  if (!decides_ || scores_ != ScoreKind::automatic) return;
  for (const char* kind : {"probabilities", "logits"}) {
    add_state(kind, none, StateReduce::max);
    may_be_missing(kind);
  }
}

void ClassifierMetric::refuse_shapes(const torch::Tensor& preds, const torch::Tensor& target,
                                     const std::string& wanted) const {
  throw Error(fmt::format("{} was given preds of shape {} and target of shape {}; it takes {}",
                          class_name(*this), c10::str(preds.sizes()), c10::str(target.sizes()),
                          wanted));
}

// Whole numbers from 0 to below classes(), where they count? Looked at on the CPU only: elsewhere
// one would wait.
void ClassifierMetric::check_range(const std::string& what, const torch::Tensor& labels,
                                   const torch::Tensor& counts) const {
  if (!labels.is_cpu() || labels.numel() == 0) return;
  const auto [least, most] = labels.aminmax();
  if (least.item<int64_t>() >= 0 && most.item<int64_t>() < classes_) return;
  torch::Tensor wrong = (labels < 0).logical_or(labels >= classes_);
  if (counts.defined()) wrong = wrong.logical_and(counts);
  if (!has_any(wrong)) return;
  const auto found = labels.masked_select(wrong)[0].item<int64_t>();
  const std::string name = class_name(*this);
  if (task_ != Task::multiclass) {
    throw Error(fmt::format("{}: {} has a {}, but must be 0 and 1", name, what, found));
  }
  throw Error(
      fmt::format("{}: {} has the class {}, but with num_classes={} classes go from 0 to {}", name,
                  what, found, classes_, classes_ - 1));
}

// Labels of a loss are numbers (0. and 1.), which are whole.
torch::Tensor ClassifierMetric::whole_target(const torch::Tensor& target) const {
  if (!target.is_floating_point()) return target.to(torch::kInt64);
  if (task_ == Task::multiclass) {
    throw Error(fmt::format("{} was given a target of {}; it takes whole numbers",
                            class_name(*this), c10::toString(target.scalar_type())));
  }
  const torch::Tensor whole = target.round();
  if (target.is_cpu() && has_any(whole != target)) {
    throw Error(fmt::format("{} was given a target with {}; it takes 0 and 1", class_name(*this),
                            target.masked_select(whole != target)[0].item<double>()));
  }
  return whole.to(torch::kInt64);
}

ClassifierMetric::Pair ClassifierMetric::pair_of(const Batch& inputs, bool looks) {
  detail::check_preds_and_target(*this, inputs);
  Pair pair;
  pair.preds = inputs[0];
  pair.target = whole_target(inputs[1]);
  noted_ = torch::zeros({3}, pair.target.options());
  pair.are_scores = pair.preds.is_floating_point();
  const auto sizes = pair.target.sizes();
  if (task_ == Task::multiclass) {
    const bool per_class = pair.preds.dim() == pair.target.dim() + 1;
    if (per_class && pair.are_scores) {
      std::vector<int64_t> wanted = sizes.vec();
      if (!wanted.empty()) wanted.insert(wanted.begin() + 1, classes_);
      if (wanted.empty() || pair.preds.sizes() != torch::IntArrayRef(wanted)) {
        refuse_shapes(pair.preds, pair.target,
                      fmt::format("preds [N, {}, ...] and target [N, ...]", classes_));
      }
    } else if (pair.preds.sizes() != sizes || pair.are_scores) {
      refuse_shapes(
          pair.preds, pair.target,
          fmt::format("preds [N, {}, ...] of scores, or classes of the target's shape", classes_));
    }
  } else if (pair.preds.sizes() != sizes ||
             (is_multilabel() && (sizes.size() < 2 || sizes[1] != classes_))) {
    refuse_shapes(pair.preds, pair.target,
                  is_multilabel() ? fmt::format("[N, {}, ...] of both", classes_)
                                  : std::string("the same shape"));
  }
  if (inputs_.ignore_index) {
    pair.counts = pair.target != *inputs_.ignore_index;
    check_range("target", pair.target, pair.counts);
    pair.target = pair.target.masked_fill(pair.counts.logical_not(), 0);
  } else {
    check_range("target", pair.target, {});
  }
  if (pair.are_scores) {
    const bool narrow =
        pair.preds.scalar_type() == torch::kHalf || pair.preds.scalar_type() == torch::kBFloat16;
    if (narrow) pair.preds = pair.preds.to(torch::kFloat32);
    if (looks && pair.preds.is_cpu() && pair.preds.numel() > 0) {
      const auto [least, most] = pair.preds.aminmax();
      pair.least = least.item<double>();
      pair.most = most.item<double>();
      pair.are_finite = std::isfinite(pair.least) && std::isfinite(pair.most);
    }
  } else {
    pair.preds = pair.preds.to(torch::kInt64);
    check_range("preds", pair.preds, pair.counts);
    if (pair.counts.defined()) {
      pair.preds = pair.preds.masked_fill(pair.counts.logical_not(), 0);
    }
  }
  return pair;
}

ClassifierMetric::Pair ClassifierMetric::scores_of(const Batch& inputs, bool looks) {
  const Pair pair = pair_of(inputs, looks);
  const bool per_class = pair.preds.dim() == pair.target.dim() + 1;
  if (pair.are_scores && (per_class || task_ != Task::multiclass)) return pair;
  throw Error(
      fmt::format("{} takes scores as preds, and whole numbers as target", class_name(*this)));
}

// --- Scores -----------------------------------------------------------------------------------

torch::Tensor ClassifierMetric::are_logits(const Pair& pair) {
  const torch::Tensor& scores = pair.preds;
  const auto flag = [&](bool value) {
    return torch::scalar_tensor(value, scores.options().dtype(torch::kBool));
  };
  if (scores_ == ScoreKind::logits || scores.numel() == 0)
    return flag(scores_ == ScoreKind::logits);
  const torch::Tensor counts =
      task_ == Task::multiclass && pair.counts.defined() ? pair.counts.unsqueeze(1) : pair.counts;
  const auto outside = [&] {
    const torch::Tensor wrong = (scores < 0).logical_or(scores > 1);
    return (counts.defined() ? wrong.logical_and(counts) : wrong).any();
  };
  const auto seen = [&] { return counts.defined() ? counts.any() : flag(true); };
  if (!scores.is_cpu()) {
    if (scores_ == ScoreKind::probabilities) return flag(false);
    const torch::Tensor logits = outside().logical_or(state("logits") > 0);
    noted_.slice(0, 0, 2).copy_(
        torch::stack({logits.logical_not().logical_and(seen()), logits.logical_and(seen())}));
    return logits;
  }
  // Where all scores count, the least and the largest of them tell.
  const bool known = pair.are_finite && !(counts.defined() && (pair.least < 0 || pair.most > 1));
  const bool is_outside = known ? pair.least < 0 || pair.most > 1 : outside().item<bool>();
  if (scores_ == ScoreKind::probabilities) {
    if (!is_outside) return flag(false);
    throw Error(
        fmt::format("{} takes probabilities, as its option scores says, but was given some "
                    "outside of [0, 1]",
                    class_name(*this)));
  }
  const bool decided = state("logits").item<int64_t>() > 0;
  if (is_outside && !decided && state("probabilities").item<int64_t>() > 0) {
    throw Error(
        fmt::format("{} has taken the scores of former batches for probabilities, but now there "
                    "are some outside of [0, 1]; say by its option scores what they are",
                    class_name(*this)));
  }
  const bool logits = is_outside || decided;
  noted_.data_ptr<int64_t>()[logits ? 1 : 0] = seen().item<bool>() ? 1 : 0;
  return flag(logits);
}

bool ClassifierMetric::were_logits() {
  if (scores_ != ScoreKind::automatic) return scores_ == ScoreKind::logits;
  return state("logits").item<int64_t>() > 0;
}

torch::Tensor ClassifierMetric::probabilities(const Pair& pair) {
  if (!pair.are_scores) return pair.preds;
  const torch::Tensor logits = are_logits(pair);
  const auto turned = [&] {
    return task_ == Task::multiclass ? pair.preds.softmax(1) : pair.preds.sigmoid();
  };
  if (pair.preds.is_cpu()) return logits.item<bool>() ? turned() : pair.preds;
  return torch::where(logits, turned(), pair.preds);
}

void ClassifierMetric::look_for_nan(const torch::Tensor& scores, const torch::Tensor& counts) {
  torch::Tensor nan = scores.isnan();
  if (scores.is_cpu() && !has_any(nan)) return;
  if (counts.defined()) nan = nan.logical_and(counts);
  noted_[2] = nan.sum();
}

// On the CPU nothing is added where nothing was noted.
void ClassifierMetric::note(const torch::Tensor& noted) {
  const bool decides = decides_ && scores_ == ScoreKind::automatic;
  if (!noted.is_cpu()) {
    state("nan_count") += noted[2];
    if (!decides) return;
    state("probabilities") = torch::maximum(state("probabilities"), noted[0]);
    state("logits") = torch::maximum(state("logits"), noted[1]);
    return;
  }
  const auto* found = noted.data_ptr<int64_t>();
  if (found[2] > 0) state("nan_count") += found[2];
  if (!decides) return;
  if (found[0] > 0) state("probabilities").fill_(1);
  if (found[1] > 0) state("logits").fill_(1);
}

void ClassifierMetric::look_at_states() {
  check_states();
  const auto count = state("nan_count").item<int64_t>();
  if (count > 0) tell(fmt::format("{} was given {} NaN as scores", class_name(*this), count));
}

void ClassifierMetric::check_states() {
  if (!decides_ || scores_ != ScoreKind::automatic) return;
  if (state("probabilities").item<int64_t>() == 0 || state("logits").item<int64_t>() == 0) return;
  throw Error(
      fmt::format("{} has taken the scores of some batches for probabilities, and of others "
                  "for logits; say by its option scores what they are",
                  class_name(*this)));
}

// --- Options ----------------------------------------------------------------------------------

course::Dict ClassifierMetric::input_options() const {
  const auto& ignored = inputs_.ignore_index;
  return {{"task", inputs_.task.word()},
          {"num_classes", task_ == Task::multiclass ? classes_ : 0},
          {"num_labels", task_ == Task::multilabel ? classes_ : 0},
          {"ignore_index", ignored ? course::Value(*ignored) : course::Value()},
          {"scores", inputs_.scores.word()}};
}

std::string ClassifierMetric::input_group() const {
  const auto& ignored = inputs_.ignore_index;
  return fmt::format("{} {} {} {}", inputs_.task.word(), classes_,
                     ignored ? std::to_string(*ignored) : "none", inputs_.scores.word());
}

torch::Tensor detail::ratio(const torch::Tensor& part, const torch::Tensor& whole, double instead) {
  return torch::where(whole == 0, torch::full({}, instead, whole.options()), part / whole);
}

torch::Tensor detail::tally(const torch::Tensor& labels, const torch::Tensor& counts,
                            int64_t classes) {
  const torch::Tensor by =
      counts.defined() ? counts.to(torch::kInt64) : torch::ones_like(labels, torch::kInt64);
  return torch::zeros({classes}, labels.options()).scatter_add_(0, labels, by);
}

}  // namespace lit
