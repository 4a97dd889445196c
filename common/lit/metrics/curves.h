// Metrics of classifiers that look at the order or the size of scores (torchmetrics'
// classification): AUROC, AveragePrecision, CalibrationError.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lit/metrics/classifier.h"

namespace lit {

/// At which probabilities a curve is looked at: all that occur (the default, exact), so many at the
/// same distance from 0 to 1, or those given.
class Thresholds {
 public:
  Thresholds() = default;
  Thresholds(int number) : number_(number), given_(true) {}
  Thresholds(int64_t number) : number_(number), given_(true) {}
  Thresholds(std::vector<double> values)
      : values_(std::move(values)), given_(true), are_values_(true) {}
  Thresholds(std::initializer_list<double> values) : Thresholds(std::vector<double>(values)) {}

  bool given() const { return given_; }
  /// As an option: their number, a list of them, or None.
  course::Value value() const;
  /// From small to large, float32. @throws Error for fewer than 2, or values outside of [0, 1]
  torch::Tensor tensor(const std::string& name) const;

 private:
  int64_t number_ = 0;
  std::vector<double> values_;
  bool given_ = false, are_values_ = false;
};

struct CurveOptions {
  Choice<Task> task = {};   ///< "binary", "multiclass" or "multilabel"; must be given
  int64_t num_classes = 0;  ///< for multiclass
  int64_t num_labels = 0;   ///< for multilabel
  /// Over classes, each against all others: "macro", "weighted", "none"; for multilabel also
  /// "micro", all labels together.
  Choice<Average> average = Average::macro;
  std::optional<int64_t> ignore_index = std::nullopt;
  /// Not given: every score is kept, and the value is exact. With T thresholds memory does not
  /// grow, and the value is that of the curve through these points.
  Thresholds thresholds = {};
  Choice<ScoreKind> scores = ScoreKind::automatic;
};

/// The base of metrics that follow from how many samples of a class, and how many others, have a
/// score of at least so much. Takes what ClassifierMetric says, but scores alone.
///
/// A single sample's score matters by its order alone: for binary and multilabel, logits and
/// probabilities have the same exact curve. Of a NaN it tells, and leaves it out.
class CurveMetric : public ClassifierMetric {
 protected:
  CurveMetric(const std::string& name, CurveOptions options);

  /// Samples of the class, and others, by score from the highest to the lowest: how many have each
  /// score ([K] float64), and how many there are in all.
  struct Curve {
    torch::Tensor positive, negative;
    double positives = 0, negatives = 0;
    bool exact = true;  ///< it begins where no sample is
  };
  /// The value of one class.
  virtual double value_of(const Curve& curve) const = 0;
  /// Has a class without samples, or without others, no value? It is left out of an average then.
  virtual bool needs_both() const = 0;

  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& prepared) override;
  torch::Tensor compute_state() override;
  void check_states() override;
  void take_old_state() override;
  bool checks_first() const override { return true; }
  std::string compute_group() const override;
  course::Dict option_values() const override;

 private:
  Curve curve_of(const torch::Tensor& scores, const torch::Tensor& target,
                 const torch::Tensor& counts) const;
  std::vector<Curve> exact_curves();
  std::vector<Curve> binned_curves();

  std::string name_;
  CurveOptions options_;
  Average average_;
  torch::Tensor thresholds_;  // undefined: exact
  bool has_old_scores_ = false;
};

struct AUROCOptions {
  Choice<Task> task = {};   ///< "binary", "multiclass" or "multilabel"; must be given
  int64_t num_classes = 0;  ///< for multiclass
  int64_t num_labels = 0;   ///< for multilabel
  Choice<Average> average = Average::macro;  ///< see CurveOptions
  std::optional<int64_t> ignore_index = std::nullopt;
  /// binary: the area up to this share of false positives, scaled so that chance is 0.5 (McClish,
  /// 1989); above 0, at most 1.
  std::optional<double> max_fpr = std::nullopt;
  Thresholds thresholds = {};  ///< see CurveOptions
  Choice<ScoreKind> scores = ScoreKind::automatic;
};

/// Area under the receiver operating characteristic: the chance that a sample of the class gets a
/// higher score than one that is not (ties count half).
///
/// A class with no sample, or with nothing else, has the value NaN, and is left out of an average
/// with a warning (torchmetrics counts it as 0).
class AUROC : public CurveMetric {
 public:
  using Options = AUROCOptions;
  /// @throws Error for an option out of range
  explicit AUROC(Options options);
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  double value_of(const Curve& curve) const override;
  bool needs_both() const override { return true; }
  course::Dict option_values() const override;

 private:
  std::optional<double> max_fpr_;
};

/// Area under precision over recall, as the sum of each precision times what recall grows by
/// there; 0 for a class without samples.
class AveragePrecision : public CurveMetric {
 public:
  using Options = CurveOptions;
  /// @throws Error for an option out of range
  explicit AveragePrecision(Options options);
  std::optional<bool> higher_is_better() const override { return true; }

 protected:
  double value_of(const Curve& curve) const override;
  bool needs_both() const override { return false; }
};

/// Over bins: the mean of the differences weighted by samples, the root of the mean of their
/// squares, the largest.
enum class CalibrationNorm { l1, l2, max };
inline std::array<const char*, 3> words(CalibrationNorm) {
  return {"l1", "l2", "max"};
}

struct CalibrationErrorOptions {
  Choice<Task> task = {};   ///< "binary" or "multiclass"; must be given
  int64_t num_classes = 0;  ///< for multiclass
  int64_t n_bins = 15;
  Choice<CalibrationNorm> norm = CalibrationNorm::l1;
  std::optional<int64_t> ignore_index = std::nullopt;
  Choice<ScoreKind> scores = ScoreKind::automatic;
};

/// How far a classifier's confidence is from how often it is right: samples are put into bins of
/// the same width by their confidence (binary: the probability; multiclass: the highest one), and
/// in each bin its mean is compared with the share of samples that are of the class (Guo and
/// others, 2017). 0 is perfect.
class CalibrationError : public ClassifierMetric {
 public:
  using Options = CalibrationErrorOptions;
  /// @throws Error for an option out of range
  explicit CalibrationError(Options options);
  std::optional<bool> higher_is_better() const override { return false; }

 protected:
  Batch prepare(const Batch& inputs) override;
  void update_state(const Batch& prepared) override;
  torch::Tensor compute_state() override;
  bool checks_first() const override { return true; }
  course::Dict option_values() const override;

 private:
  int64_t bins_;
  CalibrationNorm norm_;
};

}  // namespace lit
