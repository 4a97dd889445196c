// MetricCollection: several metrics as one.
#include "lit/metrics/collection.h"

#include <algorithm>
#include <set>
#include <utility>

#include "lit/core/names.h"
#include "lit/error.h"

namespace lit {

// --- Its metrics ------------------------------------------------------------------------------

MetricCollection::MetricCollection(const Named& metrics, Options options)
    : options_(std::move(options)) {
  add_metrics(metrics);
}

MetricCollection::MetricCollection(const std::vector<Member>& metrics, Options options)
    : options_(std::move(options)) {
  add_metrics(metrics);
}

void MetricCollection::add_metrics(const std::vector<Member>& metrics) {
  Named named;
  for (const Member& one : metrics) {
    if (one.collection_ != nullptr) {
      for (const auto& [name, metric] : one.collection_->items()) named.emplace_back(name, metric);
    } else {
      named.emplace_back(one.metric_ == nullptr ? "without a name" : class_name(*one.metric_),
                         one.metric_);
    }
  }
  add_metrics(named);
}

void MetricCollection::add_metrics(const Named& metrics) {
  std::map<std::string, std::shared_ptr<Metric>> all = metrics_;
  std::vector<std::string> added;
  const auto add = [&](const std::string& name, const std::shared_ptr<Metric>& one) {
    if (name.empty() || name.find('.') != std::string::npos) {
      throw Error("a metric of a MetricCollection is called \"" + name +
                  "\", but a name must not be empty, or have a dot");
    }
    if (!all.emplace(name, one).second) {
      throw Error("MetricCollection was given two metrics called " + name +
                  "; give each a name of its own");
    }
    added.push_back(name);
  };
  for (const auto& [name, one] : metrics) {
    if (one.collection_ != nullptr) {
      for (const auto& [theirs, metric] : one.collection_->items())
        add(name + "_" + theirs, metric);
    } else if (one.metric_ != nullptr) {
      add(name, one.metric_);
    } else {
      throw Error("MetricCollection was given a metric that is null: " + name);
    }
  }
  const auto before = std::exchange(metrics_, all);
  try {
    find_groups();
  } catch (...) {
    metrics_ = before;
    throw;
  }
  for (const std::string& name : added) register_module(name, metrics_.at(name));
}

void MetricCollection::find_groups() {
  if (const auto* given = std::get_if<1>(&options_.compute_groups)) return take_groups(*given);
  const bool by_states = std::get<bool>(options_.compute_groups);
  groups_.clear();
  std::map<std::string, size_t> group_of;
  for (const auto& [name, one] : metrics_) {
    const std::string key = one->compute_group();
    const auto found = key.empty() || !by_states ? group_of.end() : group_of.find(key);
    if (found == group_of.end()) {
      if (!key.empty()) group_of.emplace(key, groups_.size());
      groups_.push_back({name});
    } else {
      groups_[found->second].push_back(name);
    }
  }
}

void MetricCollection::take_groups(const std::vector<std::vector<std::string>>& given) {
  std::vector<std::vector<std::string>> groups;
  std::set<std::string> grouped;
  for (const auto& group : given) {
    if (group.empty()) continue;
    for (const std::string& name : group) {
      const auto found = metrics_.find(name);
      if (found == metrics_.end()) {
        throw Error("compute_groups names " + name + ", which the MetricCollection does not have");
      }
      if (!grouped.insert(name).second) throw Error("compute_groups names " + name + " twice");
      const Metric &first = *metrics_.at(group.front()), &one = *found->second;
      if (first.compute_group() != one.compute_group() ||
          !std::equal(first.counted_->states.begin(), first.counted_->states.end(),
                      one.counted_->states.begin(), one.counted_->states.end(),
                      [](const auto& a, const auto& b) { return a.first == b.first; })) {
        throw Error("compute_groups puts " + name + " and " + group.front() +
                    " together, but they do not count the same");
      }
    }
    groups.push_back(group);
  }
  for (const auto& [name, one] : metrics_) {
    if (!grouped.contains(name)) groups.push_back({name});
  }
  groups_ = std::move(groups);
}

// --- Counting ---------------------------------------------------------------------------------

MetricCollection::Plan MetricCollection::plan() const {
  Plan plan;
  std::map<const Metric*, size_t> counts;
  const auto counting = [&](Metric* one) {
    if (counts.emplace(one, plan.counting.size()).second) {
      plan.counting.push_back(one);
      plan.followers.emplace_back();
    }
  };
  for (const auto& group : groups_) counting(metrics_.at(group.front()).get());
  for (const auto& group : groups_) {
    Metric* leader = metrics_.at(group.front()).get();
    for (size_t i = 1; i < group.size(); ++i) {
      Metric* one = metrics_.at(group[i]).get();
      if (counts.contains(one)) continue;  // the same one by another name
      if (one->follows(*leader)) {
        plan.following.emplace_back(one, leader);
        plan.followers[counts.at(leader)].push_back(one);
      } else {
        counting(one);
      }
    }
  }
  return plan;
}

// While it is there those that follow hold nothing, so that nobody copies for them; and then what
// theirs have counted.
class MetricCollection::Sharing {
 public:
  explicit Sharing(const Plan& plan) : plan_(plan) {
    for (const auto& [one, leader] : plan_.following) one->counted_.reset();
  }
  ~Sharing() {
    for (const auto& [one, leader] : plan_.following) {
      one->counted_ = leader->counted_;
      one->leader_ = leader->weak_from_this();
    }
  }
  Sharing(const Sharing&) = delete;
  Sharing& operator=(const Sharing&) = delete;

 private:
  const Plan& plan_;
};

void MetricCollection::run_update(const Batch& inputs) {
  const torch::InferenceMode off(false);
  const torch::NoGradGuard no_grad;
  const Plan plan = this->plan();
  std::vector<Batch> prepared;
  for (Metric* one : plan.counting) prepared.push_back(one->prepared(inputs));
  // Metrics whose counting may fail count on a copy, and take it when all went well.
  std::vector<std::shared_ptr<Metric::Counted>> counted(plan.counting.size());
  for (size_t i = 0; i < prepared.size(); ++i) {
    Metric& one = *plan.counting[i];
    if (one.checks_first()) continue;
    const auto before = std::exchange(one.counted_, Metric::copy_of(*one.counted_));
    try {
      one.count(prepared[i]);
    } catch (...) {
      one.counted_ = before;
      throw;
    }
    counted[i] = std::exchange(one.counted_, before);
  }
  const Sharing at_the_end(plan);
  for (size_t i = 0; i < prepared.size(); ++i) {
    Metric& one = *plan.counting[i];
    if (counted[i] != nullptr) {
      one.counted_ = counted[i];
      one.leader_.reset();
    } else {
      one.own();
      one.count(prepared[i]);
    }
  }
}

MetricCollection::Values MetricCollection::run_forward(const Batch& inputs) {
  const Plan plan = this->plan();
  std::vector<Metric::OfBatch> batches;
  for (size_t i = 0; i < plan.counting.size(); ++i) {
    batches.push_back(plan.counting[i]->of_batch(inputs, plan.followers[i]));
  }
  const Sharing at_the_end(plan);
  std::map<const Metric*, torch::Tensor> of;
  for (size_t i = 0; i < plan.counting.size(); ++i) {
    const std::vector<torch::Tensor>& values = batches[i].values;
    plan.counting[i]->take(batches[i]);
    of[plan.counting[i]] = values.front();
    for (size_t f = 0; f < plan.followers[i].size(); ++f) {
      Metric* follower = plan.followers[i][f];
      follower->last_value_ = values[f + 1].detach();
      of[follower] = values[f + 1];
    }
  }
  Values values;
  for (const auto& [name, one] : metrics_) values.emplace(full(name), of.at(one.get()));
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

// --- Others -----------------------------------------------------------------------------------

std::shared_ptr<MetricCollection> MetricCollection::clone(const std::string& prefix,
                                                          const std::string& postfix) const {
  Options options = options_;
  if (!prefix.empty()) options.prefix = prefix;
  if (!postfix.empty()) options.postfix = postfix;
  Named copies;
  for (const auto& [name, one] : metrics_) {
    copies.emplace_back(name, std::dynamic_pointer_cast<Metric>(one->clone()));
  }
  return std::make_shared<MetricCollection>(copies, options);
}

std::shared_ptr<torch::nn::Module> MetricCollection::clone(
    const c10::optional<torch::Device>& device) const {
  const std::shared_ptr<MetricCollection> copy = clone("");
  if (device) copy->to(*device);
  return copy;
}

std::map<std::string, std::shared_ptr<Metric>> MetricCollection::items() const {
  std::map<std::string, std::shared_ptr<Metric>> items;
  for (const auto& [name, one] : metrics_) items.emplace(full(name), one);
  return items;
}

const std::shared_ptr<Metric>& MetricCollection::operator[](const std::string& name) const {
  std::string known;
  for (const auto& [each, one] : metrics_) {
    if (name == each || name == full(each)) return one;
    known += " " + each;
  }
  throw Error("the MetricCollection has no " + name + "; it has" + known);
}

}  // namespace lit
