// Metrics of classifiers (torchmetrics' classification): binary and multiclass.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "lit/metrics/metric.h"

namespace lit {

/// What Accuracy, Precision, Recall and F1Score are told.
///
/// With task "multiclass": `update(preds, target)`, preds [N, C, ...] scores (of any scale: the
/// largest counts) or [N, ...] classes, target [N, ...] classes, whole numbers.
/// With task "binary": preds [N, ...] probabilities, or logits (if any is outside of [0, 1], a
/// sigmoid is taken of all), or 0 and 1; target [N, ...] 0 and 1.
///
/// On the CPU classes out of range are refused; on an accelerator nobody looks, so that nothing
/// waits.
struct ClassificationOptions {
  std::string task = "";    ///< "binary" or "multiclass"; must be given
  int64_t num_classes = 0;  ///< for multiclass: at least 2
  /// Of several classes: "micro" counts samples, "macro" is the mean over classes (those without
  /// any sample or prediction left out), "weighted" that mean by each class's samples, "none" a
  /// value for each class, [C].
  std::string average = "micro";
  /// A prediction is right if its class is among so many with the highest scores.
  int64_t top_k = 1;
  std::optional<int64_t> ignore_index = std::nullopt;  ///< targets that do not count
  double threshold = 0.5;                              ///< binary: what is above it is a 1
};

/// Counts true and false positives and negatives; the base of the four metrics below, and of your
/// own ratio of these: override score().
class StatScores : public Metric {
 public:
  using Options = ClassificationOptions;

  /// @throws Error for an option out of range
  explicit StatScores(Options options);

  std::optional<bool> higher_is_better() const override { return true; }
  const Options& options() const { return options_; }

 protected:
  /// Counts as float64, all of the same shape: [] (binary, micro) or [C].
  struct Counts {
    torch::Tensor tp, fp, tn, fn;
  };
  /// The metric of these counts, of their shape.
  virtual torch::Tensor score(const Counts& counts) const = 0;
  bool is_binary() const { return options_.task == "binary"; }

  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;
  std::string compute_group() const override;

 private:
  bool counts_classes() const { return !is_binary() && options_.average != "micro"; }
  Options options_;
};

/// Share of right predictions; averaged over classes it is the mean of their recalls.
class Accuracy : public StatScores {
 public:
  explicit Accuracy(Options options) : StatScores(std::move(options)) {}

 protected:
  torch::Tensor score(const Counts& counts) const override;
};

/// Of what was predicted to be of a class, the share that is: tp / (tp + fp); 0 for none.
class Precision : public StatScores {
 public:
  explicit Precision(Options options) : StatScores(std::move(options)) {}

 protected:
  torch::Tensor score(const Counts& counts) const override;
};

/// Of what is of a class, the share that was predicted to be: tp / (tp + fn); 0 for none.
class Recall : public StatScores {
 public:
  explicit Recall(Options options) : StatScores(std::move(options)) {}

 protected:
  torch::Tensor score(const Counts& counts) const override;
};

/// Harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn); 0 for none.
class F1Score : public StatScores {
 public:
  explicit F1Score(Options options) : StatScores(std::move(options)) {}

 protected:
  torch::Tensor score(const Counts& counts) const override;
};

struct ConfusionMatrixOptions {
  std::string task = "";           ///< "binary" or "multiclass"; must be given
  int64_t num_classes = 0;         ///< for multiclass
  std::string normalize = "none";  ///< by the "true" classes, the "pred"icted ones, or "all"
  std::optional<int64_t> ignore_index = std::nullopt;
  double threshold = 0.5;
};

/// How many samples of each class (rows) were predicted to be of which (columns): [C, C] int64, or
/// float64 shares. Takes what Accuracy takes.
class ConfusionMatrix : public Metric {
 public:
  using Options = ConfusionMatrixOptions;
  /// @throws Error for an option out of range
  explicit ConfusionMatrix(Options options);

 protected:
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;

 private:
  Options options_;
  int64_t classes_;
};

struct AUROCOptions {
  std::string task = "";          ///< "binary" or "multiclass"; must be given
  int64_t num_classes = 0;        ///< for multiclass
  std::string average = "macro";  ///< over classes, each against all others; "weighted", "none"
  std::optional<int64_t> ignore_index = std::nullopt;
};

/// Area under the receiver operating characteristic: the chance that a sample of the class gets a
/// higher score than one that is not (ties count half). Exact: it keeps all scores.
///
/// binary: preds [N] probabilities or logits, target [N]; multiclass: preds [N, C] probabilities,
/// or logits of which a softmax is taken, target [N]. A class with no sample, or with nothing else,
/// has the value NaN, and is left out of an average with a warning (torchmetrics counts it as 0).
class AUROC : public Metric {
 public:
  using Options = AUROCOptions;
  /// @throws Error for an option out of range
  explicit AUROC(Options options);
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  void check_states() override;
  void update_state(const Batch& inputs) override;
  torch::Tensor compute_state() override;

 private:
  Options options_;
};

}  // namespace lit
