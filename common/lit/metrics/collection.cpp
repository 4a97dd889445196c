// MetricCollection: several metrics as one.
#include "lit/metrics/collection.h"

#include <utility>

#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {
namespace {

MetricCollection::Named by_class(const std::vector<std::shared_ptr<Metric>>& metrics) {
  MetricCollection::Named named;
  for (const auto& one : metrics) {
    named.emplace_back(one == nullptr ? "without a name" : class_name(*one), one);
  }
  return named;
}

}  // namespace

MetricCollection::MetricCollection(const Named& metrics, Options options)
    : options_(std::move(options)) {
  for (const auto& [name, one] : metrics) {
    if (one == nullptr) throw Error("MetricCollection was given a metric that is null: " + name);
    if (!metrics_.emplace(name, one).second) {
      throw Error("MetricCollection was given two metrics called " + name +
                  "; give each a name of its own");
    }
    register_module(name, one);
  }
  find_groups();
}

MetricCollection::MetricCollection(const std::vector<std::shared_ptr<Metric>>& metrics,
                                   Options options)
    : MetricCollection(by_class(metrics), std::move(options)) {}

void MetricCollection::find_groups() {
  std::map<std::string, size_t> group_of;
  for (const auto& [name, one] : metrics_) {
    const std::string key = one->compute_group();
    const auto found = key.empty() ? group_of.end() : group_of.find(key);
    if (found == group_of.end()) {
      if (!key.empty()) group_of.emplace(key, groups_.size());
      groups_.push_back({name});
    } else {
      groups_[found->second].push_back(name);
      one->leader_ = metrics_.at(groups_[found->second].front());
    }
  }
}

void MetricCollection::run_update(const Batch& inputs) {
  for (const auto& group : groups_) metrics_.at(group.front())->run_update(inputs);
}

MetricCollection::Values MetricCollection::run_forward(const Batch& inputs) {
  Values values;
  for (const auto& group : groups_) {
    std::vector<Metric*> followers;
    for (size_t i = 1; i < group.size(); ++i) followers.push_back(metrics_.at(group[i]).get());
    const auto of_group = metrics_.at(group.front())->run_forward(inputs, followers);
    for (size_t i = 0; i < group.size(); ++i) values.emplace(full(group[i]), of_group[i]);
  }
  return values;
}

MetricCollection::Values MetricCollection::compute() {
  Values values;
  for (const auto& [name, one] : metrics_) values.emplace(full(name), one->compute());
  return values;
}

void MetricCollection::reset() {
  for (const auto& [name, one] : metrics_) one->reset();
}

std::map<std::string, std::shared_ptr<Metric>> MetricCollection::items() const {
  std::map<std::string, std::shared_ptr<Metric>> items;
  for (const auto& [name, one] : metrics_) items.emplace(full(name), one);
  return items;
}

const std::shared_ptr<Metric>& MetricCollection::operator[](const std::string& name) const {
  const auto found = metrics_.find(name);
  if (found != metrics_.end()) return found->second;
  std::string known;
  for (const auto& [each, one] : metrics_) known += " " + each;
  throw Error("the MetricCollection has no " + name + "; it has" + known);
}

}  // namespace lit
