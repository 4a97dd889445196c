// What metrics of classifiers have in common: the task, and how scores are taken.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "lit/core/choice.h"
#include "lit/metrics/metric.h"

namespace lit {

/// binary: is a sample of the class or not; multiclass: of which of several classes is it;
/// multilabel: of each of several classes, is it of it or not.
enum class Task { binary, multiclass, multilabel };
inline std::array<const char*, 3> words(Task) {
  return {"binary", "multiclass", "multilabel"};
}

/// What the scores of a binary or multilabel classifier are, and of a multiclass one for
/// CalibrationError, AUROC and AveragePrecision: probabilities, from 0 to 1, or logits, of which a
/// sigmoid or a softmax is taken. `automatic`: the first batch decides until the next reset, by
/// whether a score of it is outside of [0, 1]; a later batch that contradicts (a score of 1.5 after
/// probabilities) is an error. So say "logits" where they may all be small at first.
enum class ScoreKind { automatic, probabilities, logits };
inline std::array<const char*, 3> words(ScoreKind) {
  return {"automatic", "probabilities", "logits"};
}

/// How the values of several classes become one. micro: of all together; macro: their mean;
/// weighted: the mean by each class's samples; none: they stay, [C].
enum class Average { micro, macro, weighted, none };
inline std::array<const char*, 4> words(Average) {
  return {"micro", "macro", "weighted", "none"};
}

/// The base of metrics of classifiers. What they take, N samples with further dimensions or none:
///
/// | task | preds | target |
/// | :--- | :--- | :--- |
/// | binary | [N, ...] scores, or 0 and 1 | [N, ...] 0 and 1, of any dtype |
/// | multiclass | [N, C, ...] scores, or [N, ...] classes | [N, ...] classes, whole numbers |
/// | multilabel | [N, C, ...] scores, or 0 and 1 | [N, C, ...] 0 and 1, of any dtype |
///
/// On the CPU classes out of range are refused; on an accelerator nobody looks, so that nothing
/// waits, and what is counted of them is not defined. Ignored samples have no influence. NaN among
/// scores is a warning at compute().
class ClassifierMetric : public Metric {
 protected:
  struct Inputs {
    Choice<Task> task;
    int64_t num_classes = 0, num_labels = 0;
    std::optional<int64_t> ignore_index;
    Choice<ScoreKind> scores = ScoreKind::automatic;
  };
  /// @param name      of the class, for errors
  /// @param decides   does it matter whether scores are logits?
  /// @throws Error for an option out of range
  ClassifierMetric(const std::string& name, const Inputs& inputs, bool decides);

  Task task() const { return task_; }
  bool is_binary() const { return task_ == Task::binary; }
  bool is_multilabel() const { return task_ == Task::multilabel; }
  /// Classes or labels; 2 for binary.
  int64_t classes() const { return classes_; }

  /// preds and target, of which each is of a kind that can be counted: numbers on 32 bits at least,
  /// and the target int64.
  struct Pair {
    torch::Tensor preds, target;
    torch::Tensor counts;  ///< bool, of the target's shape; undefined: all count
    bool are_scores = false;
    bool are_finite = false;     ///< scores on the CPU, which were looked at; see pair_of()
    double least = 0, most = 0;  ///< of these
  };
  /// The inputs, with the shapes of the table above; nothing of them is noted yet. Where the target
  /// does not count it is 0. @param looks  at all scores, once, if they are on the CPU
  /// @throws Error for others
  Pair pair_of(const Batch& inputs, bool looks);
  /// The same for who takes scores alone.
  Pair scores_of(const Batch& inputs, bool looks);
  /// Are these scores logits, by what was said or decided? A bool of their device.
  /// @throws Error if it contradicts what was decided (on the CPU)
  torch::Tensor are_logits(const Pair& pair);
  /// Were scores that are kept logits?
  bool were_logits();
  /// Scores as probabilities; multiclass in dimension 1. @throws Error as above
  torch::Tensor probabilities(const Pair& pair);
  /// What are_logits() has said last, and how many NaN there were, for note().
  Batch::Item noted() const { return {"noted", noted_}; }
  /// Keeps what was noted when the batch was looked at.
  void note(const torch::Tensor& noted);
  /// Counts NaN among scores that count. @param scores  of the shape of `counts`
  void look_for_nan(const torch::Tensor& scores, const torch::Tensor& counts);
  /// Reports NaN, and refuses scores that were taken for both. @throws Error
  void look_at_states() override;

  [[noreturn]] void refuse_shapes(const torch::Tensor& preds, const torch::Tensor& target,
                                  const std::string& wanted) const;
  /// Options of all of them, for option_values().
  course::Dict input_options() const;
  /// The same as a text, for compute_group().
  std::string input_group() const;

  void check_states() override;

 private:
  void check_range(const std::string& what, const torch::Tensor& labels,
                   const torch::Tensor& counts) const;
  torch::Tensor whole_target(const torch::Tensor& target) const;

  Inputs inputs_;
  Task task_;
  ScoreKind scores_;
  int64_t classes_ = 2;
  bool decides_;
  torch::Tensor noted_;  // [3]: taken for probabilities, for logits; NaN
};

namespace detail {
/// `part / whole`, and `instead` where there is nothing to divide by.
torch::Tensor ratio(const torch::Tensor& part, const torch::Tensor& whole, double instead = 0);
/// How often each class occurs where `counts` (undefined: everywhere), [classes] int64.
torch::Tensor tally(const torch::Tensor& labels, const torch::Tensor& counts, int64_t classes);
}  // namespace detail

}  // namespace lit
