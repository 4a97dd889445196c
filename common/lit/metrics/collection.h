// MetricCollection: several metrics as one.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lit/metrics/metric.h"

namespace lit {

struct MetricCollectionOptions {
  std::string prefix = "", postfix = "";  ///< around every name
};

/// Metrics that get the same inputs:
///
///     metrics_ = register_module(
///         "metrics", std::make_shared<lit::MetricCollection>(
///                        lit::MetricCollection::Named{
///                            {"accuracy", lit::metric<lit::Accuracy>({.task = "binary"})},
///                            {"auroc", lit::metric<lit::AUROC>({.task = "binary"})}},
///                        lit::MetricCollectionOptions{.prefix = "val_"}));
///     ...
///     metrics_->update(scores, labels);
///     log_dict(metrics_);   // val_accuracy and val_auroc
///
/// Those with the same states (Accuracy, Precision, Recall and F1Score of the same options) are
/// counted once. For training and validation make two: a function that makes one is all it takes.
class MetricCollection : public torch::nn::Module {
 public:
  using Options = MetricCollectionOptions;
  using Values = std::map<std::string, torch::Tensor>;

  using Named = std::vector<std::pair<std::string, std::shared_ptr<Metric>>>;

  /// By name. @throws Error if one is null, or two have the same
  explicit MetricCollection(const Named& metrics, Options options = {});
  /// Named after their classes. @throws as above
  explicit MetricCollection(const std::vector<std::shared_ptr<Metric>>& metrics,
                            Options options = {});

  template <typename... Inputs>
  void update(const Inputs&... inputs) {
    run_update(Metric::as_batch(inputs...));
  }
  /// Values of this batch alone.
  template <typename... Inputs>
  Values forward(const Inputs&... inputs) {
    return run_forward(Metric::as_batch(inputs...));
  }
  template <typename... Inputs>
  Values operator()(const Inputs&... inputs) {
    return forward(inputs...);
  }
  Values compute();
  void reset();

  /// The metrics under their full names.
  std::map<std::string, std::shared_ptr<Metric>> items() const;
  /// @param name  without prefix and postfix. @throws Error if there is none
  const std::shared_ptr<Metric>& operator[](const std::string& name) const;
  size_t size() const { return metrics_.size(); }

 private:
  void run_update(const Batch& inputs);
  Values run_forward(const Batch& inputs);
  std::string full(const std::string& name) const {
    return options_.prefix + name + options_.postfix;
  }
  void find_groups();

  std::map<std::string, std::shared_ptr<Metric>> metrics_;
  Options options_;
  // Names: the first of each group counts for the others.
  std::vector<std::vector<std::string>> groups_;
};

}  // namespace lit
