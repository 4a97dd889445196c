// Cases of metrics as cases.py has them, run with this library.
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "lit/metrics/aggregation.h"
#include "lit/metrics/classification.h"
#include "lit/metrics/collection.h"
#include "lit/metrics/curves.h"
#include "lit/metrics/regression.h"
#include "lit/metrics/text.h"
#include "lit/metrics/tracker.h"

namespace lit::cases {

using Json = nlohmann::ordered_json;

/// Where the metrics and their inputs are.
inline torch::Device device = torch::kCPU;

/// A tensor is [dtype, shape, numbers]; null is NaN.
inline torch::Tensor tensor(const Json& given) {
  const std::map<std::string, torch::Dtype> dtypes{{"float32", torch::kFloat32},
                                                   {"float64", torch::kFloat64},
                                                   {"int32", torch::kInt32},
                                                   {"int64", torch::kInt64}};
  std::vector<double> numbers;
  for (const Json& number : given.at(2))
    numbers.push_back(number.is_null() ? NAN : number.get<double>());
  return torch::tensor(numbers, torch::kFloat64)
      .to(dtypes.at(given.at(0).get<std::string>()))
      .reshape(given.at(1).get<std::vector<int64_t>>())
      .to(device);
}

/// The options of a class: each is looked for, and one that nobody looks for is an error.
class Reader {
 public:
  explicit Reader(const Json& options) : options_(options), left_(options.size()) {}

  template <typename T>
  void operator()(const char* name, T& to) {
    const auto found = options_.find(name);
    if (found == options_.end()) return;
    --left_;
    read(*found, to);
  }
  void done() const {
    if (left_ > 0) throw std::invalid_argument("an option is not known: " + options_.dump());
  }

 private:
  template <typename T>
  static void read(const Json& json, T& to) {
    to = json.get<T>();
  }
  template <typename E>
  static void read(const Json& json, Choice<E>& to) {
    to = json.get<std::string>();
  }
  template <typename T>
  static void read(const Json& json, std::optional<T>& to) {
    to = json.get<T>();
  }
  static void read(const Json& json, Thresholds& to) {
    to = json.is_array() ? Thresholds(json.get<std::vector<double>>())
                         : Thresholds(json.get<int64_t>());
  }
  static void read(const Json& json, std::variant<std::string, double>& to) {
    if (json.is_string()) {
      to = json.get<std::string>();
    } else {
      to = json.get<double>();
    }
  }

  const Json& options_;
  size_t left_;
};

inline void read(Reader& from, ClassificationOptions& to) {
  from("task", to.task), from("num_classes", to.num_classes), from("average", to.average);
  from("top_k", to.top_k), from("ignore_index", to.ignore_index), from("threshold", to.threshold);
  from("num_labels", to.num_labels), from("multidim_average", to.multidim_average);
  from("zero_division", to.zero_division), from("scores", to.scores);
}
inline void read(Reader& from, ConfusionMatrixOptions& to) {
  from("task", to.task), from("num_classes", to.num_classes), from("normalize", to.normalize);
  from("ignore_index", to.ignore_index), from("threshold", to.threshold);
  from("num_labels", to.num_labels), from("scores", to.scores);
}
inline void read(Reader& from, CohenKappaOptions& to) {
  from("task", to.task), from("num_classes", to.num_classes), from("weights", to.weights);
  from("ignore_index", to.ignore_index), from("threshold", to.threshold), from("scores", to.scores);
}
inline void read(Reader& from, MatthewsCorrCoefOptions& to) {
  from("task", to.task), from("num_classes", to.num_classes), from("num_labels", to.num_labels);
  from("ignore_index", to.ignore_index), from("threshold", to.threshold), from("scores", to.scores);
}
inline void read(Reader& from, AUROCOptions& to) {
  from("task", to.task), from("num_classes", to.num_classes), from("average", to.average);
  from("ignore_index", to.ignore_index), from("max_fpr", to.max_fpr);
  from("thresholds", to.thresholds), from("num_labels", to.num_labels), from("scores", to.scores);
}
inline void read(Reader& from, CurveOptions& to) {
  from("task", to.task), from("num_classes", to.num_classes), from("average", to.average);
  from("ignore_index", to.ignore_index), from("thresholds", to.thresholds);
  from("num_labels", to.num_labels), from("scores", to.scores);
}
inline void read(Reader& from, CalibrationErrorOptions& to) {
  from("task", to.task), from("n_bins", to.n_bins), from("norm", to.norm);
  from("num_classes", to.num_classes), from("ignore_index", to.ignore_index);
  from("scores", to.scores);
}
inline void read(Reader& from, MeanSquaredErrorOptions& to) {
  from("squared", to.squared), from("num_outputs", to.num_outputs);
}
inline void read(Reader& from, MeanAbsoluteErrorOptions& to) {
  from("num_outputs", to.num_outputs);
}
inline void read(Reader& from, R2ScoreOptions& to) {
  from("adjusted", to.adjusted), from("multioutput", to.multioutput);
}
inline void read(Reader& from, ExplainedVarianceOptions& to) {
  from("multioutput", to.multioutput);
}
inline void read(Reader& from, CosineSimilarityOptions& to) {
  from("reduction", to.reduction);
}
inline void read(Reader& from, PerplexityOptions& to) {
  from("ignore_index", to.ignore_index);
}
inline void read(Reader& from, AggregatorOptions& to) {
  from("nan_strategy", to.nan_strategy);
}
inline void read(Reader& from, RunningOptions& to) {
  from("window", to.window), from("nan_strategy", to.nan_strategy);
}

template <typename M>
std::shared_ptr<Metric> make(const Json& given) {
  Reader reader(given);
  typename M::Options options;
  read(reader, options);
  reader.done();
  const auto made = std::make_shared<M>(options);
  made->to(device);
  return made;
}

inline std::shared_ptr<Metric> metric_of(const Json& what) {
  static const std::map<std::string, std::function<std::shared_ptr<Metric>(const Json&)>> classes{
      {"Accuracy", make<Accuracy>},
      {"Precision", make<Precision>},
      {"Recall", make<Recall>},
      {"F1Score", make<F1Score>},
      {"Specificity", make<Specificity>},
      {"ConfusionMatrix", make<ConfusionMatrix>},
      {"CohenKappa", make<CohenKappa>},
      {"MatthewsCorrCoef", make<MatthewsCorrCoef>},
      {"AUROC", make<AUROC>},
      {"AveragePrecision", make<AveragePrecision>},
      {"CalibrationError", make<CalibrationError>},
      {"MeanSquaredError", make<MeanSquaredError>},
      {"MeanAbsoluteError", make<MeanAbsoluteError>},
      {"R2Score", make<R2Score>},
      {"ExplainedVariance", make<ExplainedVariance>},
      {"CosineSimilarity", make<CosineSimilarity>},
      {"Perplexity", make<Perplexity>},
      {"MeanMetric", make<MeanMetric>},
      {"SumMetric", make<SumMetric>},
      {"MaxMetric", make<MaxMetric>},
      {"MinMetric", make<MinMetric>},
      {"CatMetric", make<CatMetric>},
      {"RunningMean", make<RunningMean>},
      {"RunningSum", make<RunningSum>}};
  return classes.at(what.at("class").get<std::string>())(what.at("options"));
}

inline std::shared_ptr<MetricCollection> collection_of(const Json& what) {
  MetricCollection::Named named;
  for (const auto& [name, one] : what.at("collection").items()) {
    named.emplace_back(name, metric_of(one));
  }
  return std::make_shared<MetricCollection>(named);
}

/// Nested lists of numbers; NaN is null, infinities are words.
inline Json plain(const torch::Tensor& given) {
  const torch::Tensor value = given.cpu();
  if (value.dim() > 0) {
    Json list = Json::array();
    for (int64_t i = 0; i < value.size(0); ++i) list.push_back(plain(value[i]));
    return list;
  }
  const double number = value.item<double>();
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  return std::isnan(number) ? Json() : Json(number);
}
inline Json plain(const MetricCollection::Values& values) {
  Json all = Json::object();
  for (const auto& [name, value] : values) all[name] = plain(value);
  return all;
}
inline Json plain(const MetricTracker::Best& best) {
  return Json::array({std::isnan(best.value) ? Json() : Json(best.value), best.step});
}

/// Calls what takes one or two tensors.
template <typename Action>
auto with_inputs(const Json& inputs, Action&& action) {
  return inputs.size() == 1 ? action(tensor(inputs[0]))
                            : action(tensor(inputs[0]), tensor(inputs[1]));
}

/// A step of a metric or a collection.
template <typename M>
Json step(M& metric, const Json& words) {
  const std::string what = words.at(0).get<std::string>();
  if (what == "update") {
    with_inputs(words[1], [&](const auto&... inputs) { metric.update(inputs...); });
    return {};
  }
  if (what == "forward") {
    return with_inputs(words[1],
                       [&](const auto&... inputs) { return plain(metric.forward(inputs...)); });
  }
  if (what == "compute") return plain(metric.compute());
  if (what == "reset") {
    metric.reset();
    return {};
  }
  throw std::invalid_argument("no step is called " + what);
}

inline Json run_metric(const Json& make, const Json& steps) {
  std::shared_ptr<Metric> metric = metric_of(make);
  Json values = Json::array();
  for (const Json& words : steps) {
    const std::string what = words.at(0).get<std::string>();
    if (what == "file") {
      const auto read = metric_of(make);
      read->load_state_dict(metric->state_dict());
      metric = read;
    } else if (what == "clone") {
      metric = std::dynamic_pointer_cast<Metric>(metric->clone());
    } else if (what == "merge") {
      const auto other = metric_of(make);
      for (const Json& inputs : words[1]) step(*other, Json::array({"update", inputs}));
      metric->merge_state(*other);
    } else {
      values.push_back(step(*metric, words));
      continue;
    }
    values.push_back(nullptr);
  }
  return values;
}

inline Json run_collection(const Json& make, const Json& steps) {
  std::shared_ptr<MetricCollection> metrics = collection_of(make);
  Json values = Json::array();
  for (const Json& words : steps) {
    const std::string what = words.at(0).get<std::string>();
    if (what == "clone") {
      metrics = metrics->clone("");
      values.push_back(nullptr);
    } else if (what == "member") {
      values.push_back(step(*(*metrics)[words[1].get<std::string>()], words[2]));
    } else {
      values.push_back(step(*metrics, words));
    }
  }
  return values;
}

inline Json run_tracker(const Json& make, const Json& steps) {
  const bool is_collection = make.contains("collection");
  MetricTracker tracker =
      is_collection ? MetricTracker(collection_of(make)) : MetricTracker(metric_of(make));
  Json values = Json::array();
  for (const Json& words : steps) {
    const std::string what = words.at(0).get<std::string>();
    Json value;
    if (what == "increment") {
      tracker.increment();
    } else if (what == "update") {
      with_inputs(words[1], [&](const auto&... inputs) { tracker.update(inputs...); });
    } else if (what == "compute") {
      value = is_collection ? plain(tracker.compute_each()) : plain(tracker.compute());
    } else if (what == "all") {
      value = is_collection ? plain(tracker.compute_all_of_each()) : plain(tracker.compute_all());
    } else if (is_collection) {
      for (const auto& [name, best] : tracker.best_of_each()) value[name] = plain(best);
    } else {
      value = plain(tracker.best_metric());
    }
    values.push_back(value);
  }
  return values;
}

/// What each step prints; of one that throws, and all behind it, {"error": why}.
inline Json run(const Json& one) {
  const Json &make = one.at("make"), &steps = one.at("steps");
  try {
    if (make.contains("collection")) return run_collection(make, steps);
    if (make.contains("tracker")) return run_tracker(make.at("tracker"), steps);
    return run_metric(make, steps);
  } catch (const std::exception& error) {
    return Json{{"error", error.what()}};
  }
}

}  // namespace lit::cases
