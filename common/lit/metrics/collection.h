// MetricCollection: several metrics as one.
#pragma once

#include <concepts>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "lit/metrics/metric.h"

namespace lit {

struct MetricCollectionOptions {
  std::string prefix = "", postfix = "";  ///< around every name
  /// true: metrics that have the same states are counted once; false: each by itself; or the groups
  /// by their names (those that are in none count by themselves).
  std::variant<bool, std::vector<std::vector<std::string>>> compute_groups = true;
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
/// Those with the same states (Accuracy, Precision, Recall and F1Score of the same options) hold
/// one state, which is counted once. Updating, resetting or loading one of them directly takes it
/// out of its group until both are empty again; the first of a group takes the others with it. An
/// update that one metric refuses is counted by none.
///
/// For training and validation make one, and clone("val_") the other.
class MetricCollection : public torch::nn::Module {
 public:
  using Options = MetricCollectionOptions;
  using Values = std::map<std::string, torch::Tensor>;

  /// A metric, or a collection, whose metrics become those of this one: "NAME_THEIR-NAME" if it has
  /// a name, and "THEIR-NAME" else.
  class Member {
   public:
    Member(std::nullptr_t) {}
    template <std::derived_from<Metric> M>
    Member(std::shared_ptr<M> metric) : metric_(std::move(metric)) {}
    template <std::derived_from<MetricCollection> C>
    Member(std::shared_ptr<C> collection) : collection_(std::move(collection)) {}

   private:
    friend class MetricCollection;
    std::shared_ptr<Metric> metric_;
    std::shared_ptr<MetricCollection> collection_;
  };
  using Named = std::vector<std::pair<std::string, Member>>;

  /// By name. @throws Error if one is null, two have the same name, a name is empty or has a dot,
  ///   or compute_groups names none of them
  explicit MetricCollection(const Named& metrics, Options options = {});
  /// Named after their classes, "Accuracy". @throws as above
  explicit MetricCollection(const std::vector<Member>& metrics, Options options = {});

  /// More of them. @throws as above; then none is added
  void add_metrics(const Named& metrics);
  void add_metrics(const std::vector<Member>& metrics);

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

  /// Another one that goes on from what this one has counted, with this prefix and postfix in place
  /// of its own; an empty one stays what it is here. @throws Error for a metric that cannot be
  /// cloned
  std::shared_ptr<MetricCollection> clone(const std::string& prefix,
                                          const std::string& postfix = "") const;
  std::shared_ptr<torch::nn::Module> clone(
      const c10::optional<torch::Device>& device = c10::nullopt) const override;

  /// The metrics under their full names.
  std::map<std::string, std::shared_ptr<Metric>> items() const;
  /// @param name  with or without prefix and postfix. @throws Error if there is none
  const std::shared_ptr<Metric>& operator[](const std::string& name) const;
  size_t size() const { return metrics_.size(); }
  /// Names without prefix and postfix; the first of each group counts for the others.
  const std::vector<std::vector<std::string>>& compute_groups() const { return groups_; }

 private:
  // Who counts a batch, and who then holds the same as one of these.
  struct Plan {
    std::vector<Metric*> counting;
    std::vector<std::vector<Metric*>> followers;         // of each that counts
    std::vector<std::pair<Metric*, Metric*>> following;  // and whom
  };
  Plan plan() const;
  class Sharing;

  void run_update(const Batch& inputs);
  Values run_forward(const Batch& inputs);
  std::string full(const std::string& name) const {
    return options_.prefix + name + options_.postfix;
  }
  void find_groups();
  void take_groups(const std::vector<std::vector<std::string>>& given);

  std::map<std::string, std::shared_ptr<Metric>> metrics_;
  Options options_;
  std::vector<std::vector<std::string>> groups_;
};

}  // namespace lit
