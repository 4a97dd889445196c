// Metrics of classifiers (torchmetrics' classification): those that count right and wrong; those
// that look at scores are in curves.h.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "lit/metrics/classifier.h"
#include "lit/metrics/curves.h"

namespace lit {

/// global: all further dimensions are samples; samplewise: each sample has a value of its own, over
/// its further dimensions.
enum class MultidimAverage { global, samplewise };
inline std::array<const char*, 2> words(MultidimAverage) {
  return {"global", "samplewise"};
}

/// What Accuracy, Precision, Recall, F1Score and Specificity are told. ClassifierMetric says which
/// preds and target they take.
struct ClassificationOptions {
  Choice<Task> task = {};   ///< "binary", "multiclass" or "multilabel"; must be given
  int64_t num_classes = 0;  ///< for multiclass: at least 2
  int64_t num_labels = 0;   ///< for multilabel: at least 2
  /// Of several classes: "micro" counts all of them together, "macro" is the mean over classes (for
  /// multiclass without those that have neither a sample nor a prediction), "weighted" that mean by
  /// each class's samples, "none" a value for each class, [C].
  Choice<Average> average = Average::micro;
  /// multiclass: a prediction is right if its class is among so many with the highest scores.
  int64_t top_k = 1;
  std::optional<int64_t> ignore_index = std::nullopt;  ///< targets that do not count
  /// binary and multilabel: a probability above it is a 1.
  double threshold = 0.5;
  /// "samplewise": the value is [N], or [N, C] with average "none".
  Choice<MultidimAverage> multidim_average = MultidimAverage::global;
  double zero_division = 0;  ///< the value of 0 / 0: 0 or 1; not of Accuracy and Specificity
  Choice<ScoreKind> scores = ScoreKind::automatic;
};

/// Counts true and false positives and negatives; the base of the metrics below, and of your own
/// ratio of these: override score().
class StatScores : public ClassifierMetric {
 public:
  using Options = ClassificationOptions;

  /// @param name  of the class, for errors
  /// @throws Error for an option out of range
  StatScores(const std::string& name, Options options);

  std::optional<bool> higher_is_better() const override { return true; }
  const Options& options() const { return options_; }

 protected:
  /// Counts as float64, all of the same shape: [] (binary, micro) or [C], with N in front of it if
  /// samplewise.
  struct Counts {
    torch::Tensor tp, fp, tn, fn;
  };
  /// The metric of these counts, of their shape.
  virtual torch::Tensor score(const Counts& counts) const = 0;
  /// With top_k: does "macro" leave out classes that have predictions but no samples?
  virtual bool averages_classes_of_samples() const { return false; }
  /// 0 / 0 is zero_division.
  torch::Tensor ratio(const torch::Tensor& part, const torch::Tensor& whole) const;

  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& prepared) override;
  torch::Tensor compute_state() override;
  bool checks_first() const override { return true; }
  std::string compute_group() const override;
  course::Dict option_values() const override;

 private:
  bool counts_classes() const { return !is_binary() && average_ != Average::micro; }
  bool is_samplewise() const { return multidim_average_ == MultidimAverage::samplewise; }
  Options options_;
  Average average_;
  MultidimAverage multidim_average_;
};

/// Share of right predictions; averaged over the classes of multiclass it is the mean of their
/// recalls.
class Accuracy : public StatScores {
 public:
  explicit Accuracy(Options options) : StatScores("Accuracy", std::move(options)) {
    clones<Accuracy>();
  }

 protected:
  torch::Tensor score(const Counts& counts) const override;
  bool averages_classes_of_samples() const override { return true; }
};

/// Of what was predicted to be of a class, the share that is: tp / (tp + fp).
class Precision : public StatScores {
 public:
  explicit Precision(Options options) : StatScores("Precision", std::move(options)) {
    clones<Precision>();
  }

 protected:
  torch::Tensor score(const Counts& counts) const override;
  bool averages_classes_of_samples() const override { return true; }
};

/// Of what is of a class, the share that was predicted to be: tp / (tp + fn).
class Recall : public StatScores {
 public:
  explicit Recall(Options options) : StatScores("Recall", std::move(options)) { clones<Recall>(); }

 protected:
  torch::Tensor score(const Counts& counts) const override;
  bool averages_classes_of_samples() const override { return true; }
};

/// Harmonic mean of precision and recall: 2 tp / (2 tp + fp + fn).
class F1Score : public StatScores {
 public:
  explicit F1Score(Options options) : StatScores("F1Score", std::move(options)) {
    clones<F1Score>();
  }

 protected:
  torch::Tensor score(const Counts& counts) const override;
};

/// Of what is not of a class, the share that was predicted not to be: tn / (tn + fp); 0 for none.
class Specificity : public StatScores {
 public:
  explicit Specificity(Options options) : StatScores("Specificity", std::move(options)) {
    clones<Specificity>();
  }

 protected:
  torch::Tensor score(const Counts& counts) const override;
};

/// By which sum each count of a confusion matrix is divided: by that of its true class, of its
/// predicted one, or of all.
enum class Normalize { none, by_true, by_pred, by_all };
inline std::array<const char*, 4> words(Normalize) {
  return {"none", "true", "pred", "all"};
}

struct ConfusionMatrixOptions {
  Choice<Task> task = {};   ///< "binary", "multiclass" or "multilabel"; must be given
  int64_t num_classes = 0;  ///< for multiclass
  int64_t num_labels = 0;   ///< for multilabel
  Choice<Normalize> normalize = Normalize::none;
  std::optional<int64_t> ignore_index = std::nullopt;
  double threshold = 0.5;
  Choice<ScoreKind> scores = ScoreKind::automatic;
};

/// Counts samples by their true and their predicted class: the base of the metrics below. Takes
/// what Accuracy takes.
class ConfusionCounts : public ClassifierMetric {
 protected:
  /// @param name  of the class, for errors
  ConfusionCounts(const std::string& name, ConfusionMatrixOptions options);

  /// True classes in rows, predicted ones in columns: [C, C], or [L, 2, 2] for multilabel, int64.
  const torch::Tensor& counts() { return state("confmat"); }

  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& prepared) override;
  bool checks_first() const override { return true; }
  std::string compute_group() const override;
  course::Dict option_values() const override;

 private:
  double threshold_;
};

/// How many samples of each class (rows) were predicted to be of which (columns): [C, C] int64, or
/// float64 shares; for multilabel [L, 2, 2].
class ConfusionMatrix : public ConfusionCounts {
 public:
  using Options = ConfusionMatrixOptions;
  /// @throws Error for an option out of range
  explicit ConfusionMatrix(Options options);

 protected:
  void look_at_states() override;
  torch::Tensor compute_state() override;
  course::Dict option_values() const override;

 private:
  torch::Tensor sums();
  Normalize normalize_;
};

/// What a prediction that is off by some classes costs: all the same, the number of classes, or its
/// square.
enum class KappaWeights { none, linear, quadratic };
inline std::array<const char*, 3> words(KappaWeights) {
  return {"none", "linear", "quadratic"};
}

struct CohenKappaOptions {
  Choice<Task> task = {};   ///< "binary" or "multiclass"; must be given
  int64_t num_classes = 0;  ///< for multiclass
  Choice<KappaWeights> weights = KappaWeights::none;
  std::optional<int64_t> ignore_index = std::nullopt;
  double threshold = 0.5;
  Choice<ScoreKind> scores = ScoreKind::automatic;
};

/// Agreement of preds and target beyond that of chance (Cohen, 1960): 1 for full agreement, 0 for
/// that of chance.
class CohenKappa : public ConfusionCounts {
 public:
  using Options = CohenKappaOptions;
  /// @throws Error for an option out of range
  explicit CohenKappa(Options options);
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  torch::Tensor compute_state() override;
  course::Dict option_values() const override;

 private:
  KappaWeights weights_;
};

struct MatthewsCorrCoefOptions {
  Choice<Task> task = {};   ///< "binary", "multiclass" or "multilabel"; must be given
  int64_t num_classes = 0;  ///< for multiclass
  int64_t num_labels = 0;   ///< for multilabel, whose labels are counted together
  std::optional<int64_t> ignore_index = std::nullopt;
  double threshold = 0.5;
  Choice<ScoreKind> scores = ScoreKind::automatic;
};

/// Correlation of preds and target (Matthews, 1975): from -1 to 1; 0 where one of them has a single
/// class.
class MatthewsCorrCoef : public ConfusionCounts {
 public:
  using Options = MatthewsCorrCoefOptions;
  /// @throws Error for an option out of range
  explicit MatthewsCorrCoef(Options options);
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  torch::Tensor compute_state() override;
};

}  // namespace lit
