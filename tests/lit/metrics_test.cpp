// Metrics: the base, values by hand and by scikit-learn, collections, trackers, and what log() does
// with them.
#include <cmath>
#include <limits>
#include <map>

#include "lit/callbacks/early_stopping.h"
#include "lit/metrics/aggregation.h"
#include "lit/metrics/classification.h"
#include "lit/metrics/collection.h"
#include "lit/metrics/regression.h"
#include "lit/metrics/tracker.h"
#include "serialize/torch_file.h"
#include "testing.h"

namespace lit {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::MemoryLogger;
using testing::Messages;
using testing::numbers;
using ::testing::Pair;
using testing::quiet;

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

class MetricTest : public ::testing::Test {
 protected:
  Messages messages_;
};
using MetricBase = MetricTest;
using Aggregation = MetricTest;
using Classification = MetricTest;
using Regression = MetricTest;
using Collection = MetricTest;
using Tracker = MetricTest;
using LoggedMetric = MetricTest;

double value(const torch::Tensor& tensor) {
  return tensor.item<double>();
}

std::vector<double> values(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.to(torch::kFloat64).flatten().contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

// region custom_metric
class HitRate : public lit::Metric {
 public:
  HitRate() {
    add_state("hits", torch::zeros({}, torch::kInt64), lit::StateReduce::sum);
    add_state("total", torch::zeros({}, torch::kInt64), lit::StateReduce::sum);
  }

 protected:
  void update_state(const lit::Batch& inputs) override {
    const auto [preds, target] = inputs.unpack<2>();
    state("hits") += preds.eq(target).sum();
    state("total") += target.numel();
  }
  torch::Tensor compute_state() override { return state("hits") / state("total"); }
};
// endregion

torch::Tensor labels(std::vector<int64_t> numbers) {
  return torch::tensor(numbers);
}

// --- The base -------------------------------------------------------------------------------

TEST_F(MetricBase, CountsBatchesAndForgetsThem) {
  HitRate rate;
  EXPECT_FALSE(rate.update_called());
  rate.update(labels({1, 2, 3, 4}), labels({1, 0, 3, 0}));
  EXPECT_EQ(value(rate.compute()), 0.5);
  rate.update(labels({1, 1}), labels({1, 1}));
  EXPECT_EQ(rate.update_count(), 2);
  EXPECT_FLOAT_EQ(value(rate.compute()), 4.0f / 6) << "what was kept is not told again";
  rate.reset();
  EXPECT_EQ(rate.update_count(), 0);
  rate.update(labels({0}), labels({1}));
  EXPECT_EQ(value(rate.compute()), 0);
  EXPECT_TRUE(messages_.warnings.empty());
}

TEST_F(MetricBase, ForwardReturnsTheBatchAndCountsItToo) {
  HitRate rate;
  EXPECT_FALSE(rate.last_value().defined());
  EXPECT_EQ(value(rate(labels({1, 2}), labels({1, 2}))), 1);
  EXPECT_EQ(value(rate.forward(labels({1, 2}), labels({3, 3}))), 0);
  EXPECT_EQ(value(rate.last_value()), 0);
  EXPECT_EQ(value(rate.compute()), 0.5);
  EXPECT_EQ(rate.update_count(), 2);
}

// One whose value of a batch depends on those before: how far the sum is from its start.
class Drift : public Metric {
 public:
  Drift() {
    add_state("last", torch::zeros({}), StateReduce::none);
    add_list_state("seen");
  }

 protected:
  void update_state(const Batch& inputs) override {
    state("last") = state("last") + inputs[0].sum();
    list_state("seen").push_back(inputs[0]);
  }
  torch::Tensor compute_state() override { return state("last").clone(); }
  bool full_state_update() const override { return true; }
};

TEST_F(MetricBase, ForwardOfOneThatNeedsAllStatesCountsTwice) {
  Drift drift;
  EXPECT_EQ(value(drift(torch::tensor({1.0f, 2.0f}))), 3);
  EXPECT_EQ(value(drift(torch::tensor({5.0f}))), 5) << "of the batch alone";
  EXPECT_EQ(value(drift.compute()), 8);
  EXPECT_EQ(drift.state_dict().at("seen").as_list().size(), 2);
}

TEST_F(MetricBase, ComputeBeforeUpdateWarns) {
  MeanMetric mean;
  EXPECT_TRUE(std::isnan(value(mean.compute())));
  EXPECT_THAT(messages_.warnings,
              ElementsAre(AllOf(HasSubstr("compute() of MeanMetric"), HasSubstr("before"))));
}

TEST_F(MetricBase, MergesWhatAnotherHasCounted) {
  HitRate a, b;
  a.update(labels({1, 1, 1}), labels({1, 0, 0}));
  b.update(labels({1}), labels({1}));
  b.update(labels({1}), labels({1}));
  a.merge_state(b);
  EXPECT_FLOAT_EQ(value(a.compute()), 3.0f / 5);
  EXPECT_EQ(a.update_count(), 3);
  EXPECT_THAT(error_of([&] { a.merge_state(MeanMetric()); }),
              HasSubstr("HitRate cannot take in what MeanMetric"));
}

TEST_F(MetricBase, GoesOnFromItsState) {
  AUROC before({.task = "binary"}), after({.task = "binary"});
  before.update(torch::tensor({0.1, 0.9}), labels({0, 1}));
  after.load_state_dict(before.state_dict());
  for (AUROC* one : {&before, &after}) one->update(torch::tensor({0.95, 0.2}), labels({0, 1}));
  EXPECT_EQ(value(after.compute()), value(before.compute()));
  EXPECT_EQ(after.update_count(), 2);
  EXPECT_THROW(after.load_state_dict(MeanMetric().state_dict()), course::Error);
  EXPECT_EQ(after.update_count(), 2) << "nothing of it was taken";
}

TEST_F(MetricBase, KeepsNoGraphAndIsNoWeight) {
  MeanMetric mean;
  const torch::Tensor loss = torch::ones({2}).requires_grad_() * 2;
  EXPECT_FALSE(mean(loss).requires_grad());
  EXPECT_TRUE(mean.parameters().empty());
  EXPECT_TRUE(mean.buffers().empty());
}

// Tensors that are made in inference mode cannot be written to outside of it.
TEST_F(MetricBase, CountsInAndOutOfInferenceMode) {
  HitRate rate;
  {
    const torch::InferenceMode inference;
    rate.reset();
    rate.update(labels({1}), labels({1}));
  }
  rate.update(labels({0}), labels({1}));
  EXPECT_EQ(value(rate.compute()), 0.5);
}

TEST_F(MetricBase, RefusesTheWrongInputs) {
  HitRate rate;
  EXPECT_THAT(error_of([&] { rate.update(labels({1})); }), HasSubstr("2"));
  EXPECT_THAT(error_of([&] { rate.update(torch::Tensor(), labels({1})); }),
              HasSubstr("HitRate was given an undefined tensor"));
  const torch::Tensor elsewhere = torch::ones({1}, torch::kMeta);
  EXPECT_THAT(error_of([&] { rate.update(elsewhere, elsewhere); }),
              AllOf(HasSubstr("HitRate is on cpu"), HasSubstr("register_module")));
  EXPECT_EQ(rate.update_count(), 0);
}

TEST_F(MetricBase, ItsStatesMoveWithTheModule) {
  torch::nn::Module module;
  struct Parent : torch::nn::Module {
    std::shared_ptr<HitRate> rate = register_module("rate", metric<HitRate>());
  } parent;
  parent.to(torch::Device(torch::kMeta));
  EXPECT_TRUE(parent.rate->state_dict().at("hits").as_tensor().is_meta());
}

// --- Numbers --------------------------------------------------------------------------------

// Torchmetrics' numbers.
TEST_F(Aggregation, MeanIsWeighted) {
  MeanMetric mean;
  EXPECT_EQ(value(mean(1.0)), 1);
  EXPECT_EQ(value(mean(torch::tensor({2.0, 3.0}), torch::tensor({1.0, 3.0}))), 2.75);
  EXPECT_DOUBLE_EQ(value(mean.compute()), 2.4);
  mean.update(torch::tensor({1.0, 2.0, 6.0}), 2);
  EXPECT_DOUBLE_EQ(value(mean.compute()), (12.0 + 18) / (5 + 6)) << "the weight is broadcast";
}

TEST_F(Aggregation, SumMaxAndMin) {
  SumMetric sum;
  MaxMetric max;
  MinMetric min;
  for (const int number : {1, 3, 2}) {
    sum.update(number);
    EXPECT_EQ(value(max(number)), number);
    EXPECT_EQ(value(min(torch::tensor({number, number + 5}))), number);
  }
  EXPECT_EQ(value(sum.compute()), 6);
  EXPECT_EQ(value(max.compute()), 3);
  EXPECT_EQ(value(min.compute()), 1);
  max.reset();
  EXPECT_EQ(value(max.compute()), -std::numeric_limits<double>::infinity());
}

TEST_F(Aggregation, SmallNumbersAreNotLostInALargeSum) {
  SumMetric sum;
  sum.update(torch::full({1}, 1e8f));
  for (int i = 0; i < 100; ++i) sum.update(torch::ones({1}));
  EXPECT_EQ(value(sum.compute()), 1e8 + 100);
}

TEST_F(Aggregation, NaN) {
  const torch::Tensor some = torch::tensor({1.0, kNaN, 3.0});
  MeanMetric warns, ignores({.nan_strategy = "ignore"}), replaces({.nan_strategy = 5.0}),
      raises({.nan_strategy = "error"}), blind({.nan_strategy = "disable"});
  for (MeanMetric* one : {&warns, &ignores, &replaces, &blind}) one->update(some);
  EXPECT_EQ(value(warns.compute()), 2);
  EXPECT_THAT(messages_.warnings, ElementsAre("MeanMetric has left out 1 NaN"));
  EXPECT_EQ(value(ignores.compute()), 2);
  EXPECT_EQ(value(replaces.compute()), 3);
  EXPECT_TRUE(std::isnan(value(blind.compute())));
  EXPECT_THAT(error_of([&] { raises.update(some); }), HasSubstr("was given 1 NaN"));
  EXPECT_THAT(error_of([] { SumMetric({.nan_strategy = "omit"}); }), HasSubstr("\"omit\""));
  EXPECT_EQ(messages_.warnings.size(), 1);

  MaxMetric max({.nan_strategy = "ignore"});
  max.update(some);
  EXPECT_EQ(value(max.compute()), 3);
}

// --- Classes, by hand -----------------------------------------------------------------------

template <typename M>
double of_labels(const std::string& average, std::vector<int64_t> preds,
                 std::vector<int64_t> target, int64_t classes) {
  M metric({.task = "multiclass", .num_classes = classes, .average = average});
  metric.update(labels(std::move(preds)), labels(std::move(target)));
  return value(metric.compute());
}

// Torchmetrics' numbers.
TEST_F(Classification, Averages) {
  const std::vector<int64_t> preds{0, 2, 1, 3, 3, 1}, target{0, 1, 1, 3, 2, 1};
  for (const double found : {of_labels<Accuracy>("micro", preds, target, 4),
                             of_labels<Precision>("micro", preds, target, 4),
                             of_labels<Recall>("micro", preds, target, 4),
                             of_labels<F1Score>("micro", preds, target, 4)}) {
    EXPECT_NEAR(found, .6667, 1e-4);
  }
  EXPECT_NEAR(of_labels<Accuracy>("macro", preds, target, 4), .6667, 1e-4);
  EXPECT_NEAR(of_labels<Precision>("macro", preds, target, 4), .625, 1e-4);
  EXPECT_NEAR(of_labels<F1Score>("macro", preds, target, 4), .6167, 1e-4);
  EXPECT_NEAR(of_labels<Precision>("weighted", preds, target, 4), .75, 1e-4);
  EXPECT_NEAR(of_labels<F1Score>("weighted", preds, target, 4), .6778, 1e-4);
  Accuracy each({.task = "multiclass", .num_classes = 4, .average = "none"});
  each.update(labels(preds), labels(target));
  EXPECT_THAT(values(each.compute()), ElementsAre(1, ::testing::DoubleNear(.6667, 1e-4), 0, 1));

  EXPECT_EQ(of_labels<Accuracy>("micro", {0, 1, 0, 1}, {0, 1, 1, 1}, 3), .75);
  EXPECT_NEAR(of_labels<Accuracy>("macro", {0, 1, 0, 1}, {0, 1, 1, 1}, 3), .8333, 1e-4)
      << "class 2, of which nothing is known, is left out";
  EXPECT_NEAR(of_labels<F1Score>("macro", {0, 1, 0, 1}, {0, 1, 1, 1}, 3), .7333, 1e-4);
}

TEST_F(Classification, TopK) {
  const torch::Tensor scores =
      torch::tensor({{.5, .3, .2}, {.2, .5, .3}, {.1, .3, .6}, {.6, .3, .1}});
  const auto found = [&](const std::string& average, int64_t k) {
    Accuracy accuracy({.task = "multiclass", .num_classes = 3, .average = average, .top_k = k});
    accuracy.update(scores, labels({1, 0, 2, 2}));
    return value(accuracy.compute());
  };
  EXPECT_EQ(found("micro", 1), .25);
  EXPECT_EQ(found("micro", 2), .5);
  EXPECT_EQ(found("micro", 3), 1);
  EXPECT_NEAR(found("macro", 1), .1667, 1e-4);
  EXPECT_EQ(found("macro", 2), .5);
}

TEST_F(Classification, ScoresOfImagesHaveTheirClassesInDimensionOne) {
  Accuracy accuracy({.task = "multiclass", .num_classes = 2});
  torch::Tensor scores = torch::zeros({1, 2, 2, 2});
  scores.index_put_({0, 1, 0, 0}, 1.0f);  // one pixel of class 1
  const torch::Tensor target = labels({1, 0, 0, 1}).reshape({1, 2, 2});
  accuracy.update(scores, target);
  EXPECT_EQ(value(accuracy.compute()), .75);
}

TEST_F(Classification, BinaryThresholdIsStrictAndLogitsAreSeen) {
  Accuracy accuracy({.task = "binary"}), of_logits({.task = "binary"});
  EXPECT_EQ(value(accuracy(torch::tensor({.5, .51}), labels({0, 1}))), 1);
  EXPECT_EQ(value(of_logits(torch::tensor({-3.0, .4}), labels({0, 1}))), 1) << "logits: above 0";
  EXPECT_EQ(value(accuracy(labels({0, 1}), labels({0, 0}))), .5) << "labels";
}

TEST_F(Classification, ConfusionMatrixHasTrueClassesInRows) {
  const auto matrix = [&](const std::string& normalize) {
    ConfusionMatrix one({.task = "multiclass", .num_classes = 3, .normalize = normalize});
    one.update(labels({2, 1, 0, 1}), labels({2, 1, 0, 0}));
    return values(one.compute());
  };
  EXPECT_THAT(matrix("none"), ElementsAre(1, 1, 0, 0, 1, 0, 0, 0, 1));
  EXPECT_THAT(matrix("true"), ElementsAre(.5, .5, 0, 0, 1, 0, 0, 0, 1));
  EXPECT_THAT(matrix("all"), ElementsAre(.25, .25, 0, 0, .25, 0, 0, 0, .25));
  EXPECT_TRUE(messages_.warnings.empty());

  ConfusionMatrix empty({.task = "multiclass", .num_classes = 3, .normalize = "true"});
  empty.update(labels({0}), labels({0}));
  EXPECT_THAT(values(empty.compute()), ElementsAre(1, 0, 0, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(messages_.warnings, ElementsAre(HasSubstr("2 rows")));
}

// By pairs: of (positive, negative) a score is higher in 1, equal in 1, lower in 0 and so on.
TEST_F(Classification, AreaUnderTheCurveCountsPairs) {
  AUROC area({.task = "binary"});
  area.update(torch::tensor({.1, .4, .4, .8}), labels({0, 0, 1, 1}));
  EXPECT_EQ(value(area.compute()), (1 + .5 + 1 + 1) / 4);
  AUROC wrong({.task = "binary"});
  wrong.update(torch::tensor({5.0, -5.0}), labels({0, 1}));
  EXPECT_EQ(value(wrong.compute()), 0) << "logits";
  AUROC one_sided({.task = "binary"});
  one_sided.update(torch::tensor({.1, .4}), labels({1, 1}));
  EXPECT_TRUE(std::isnan(value(one_sided.compute())));
  EXPECT_THAT(messages_.warnings, ElementsAre(HasSubstr("AUROC")));
}

TEST_F(Classification, RefusesWhatDoesNotFit) {
  const auto sentence = [](ClassificationOptions options) {
    return error_of([&] { Accuracy accuracy(options); });
  };
  EXPECT_THAT(sentence({}), HasSubstr("is \"\", but must be binary, multiclass or multilabel"));
  EXPECT_THAT(sentence({.task = "multilable"}), HasSubstr("\"multilable\""));
  EXPECT_THAT(sentence({.task = "multilabel"}), HasSubstr("num_labels"));
  EXPECT_THAT(sentence({.task = "multiclass"}), HasSubstr("num_classes"));
  EXPECT_THAT(sentence({.task = "multiclass", .num_classes = 3, .average = "mean"}),
              HasSubstr("micro, macro, weighted or none"));
  EXPECT_THAT(sentence({.task = "multiclass", .num_classes = 3, .top_k = 4}),
              HasSubstr("from 1 to 3"));
  EXPECT_THAT(sentence({.task = "binary", .threshold = 2}), HasSubstr("threshold"));
  EXPECT_THAT(error_of([] { AUROC({.task = "binary", .average = "micro"}); }),
              HasSubstr("macro, weighted or none"));
  EXPECT_THAT(error_of([] { ConfusionMatrix({.task = "binary", .normalize = "rows"}); }),
              HasSubstr("\"rows\""));

  Accuracy accuracy({.task = "multiclass", .num_classes = 3});
  const auto update = [&](const torch::Tensor& preds, const torch::Tensor& target) {
    return error_of([&] { accuracy.update(preds, target); });
  };
  EXPECT_THAT(
      update(torch::zeros({2, 4}), labels({0, 1})),
      AllOf(HasSubstr("Accuracy was given preds of shape [2, 4]"), HasSubstr("[N, 3, ...]")));
  EXPECT_THAT(update(labels({0}), labels({0, 1})), HasSubstr("shape [1]"));
  EXPECT_THAT(update(torch::zeros({2, 3}), torch::zeros({2})), HasSubstr("whole numbers"));
  EXPECT_THAT(update(labels({0, 3}), labels({0, 1})), HasSubstr("preds has the class 3"));
  EXPECT_THAT(update(labels({0, 2}), labels({0, -1})), HasSubstr("target has the class -1"));
  EXPECT_EQ(accuracy.update_count(), 0);
  Accuracy top({.task = "multiclass", .num_classes = 3, .top_k = 2});
  EXPECT_THAT(error_of([&] { top.update(labels({0}), labels({0})); }), HasSubstr("needs scores"));
}

// --- By scikit-learn ------------------------------------------------------------------------

struct Case {
  std::string name;
  int64_t classes;
  std::vector<double> scores;
  std::vector<int64_t> target;
  std::map<std::string, std::vector<double>> values;
};
const std::vector<Case> kCases = {
#include "tables/metrics.inc"
};

std::shared_ptr<Metric> made(const Case& data, const std::string& name) {
  const bool binary = data.classes == 2;
  const std::string task = binary ? "binary" : "multiclass";
  const std::string kind = name.substr(0, name.find(' '));
  const std::string rest = binary || kind == name ? "" : name.substr(kind.size() + 1);
  const std::optional<int64_t> ignore =
      data.name.ends_with("ignored") ? std::optional<int64_t>(-1) : std::nullopt;
  if (kind == "MeanSquaredError") return metric<MeanSquaredError>({.squared = kind == name});
  if (kind == "MeanAbsoluteError") return metric<MeanAbsoluteError>();
  if (kind == "AUROC") {
    return metric<AUROC>({.task = task,
                          .num_classes = data.classes,
                          .average = binary ? "macro" : rest,
                          .ignore_index = ignore});
  }
  if (kind == "ConfusionMatrix") {
    return metric<ConfusionMatrix>({.task = task,
                                    .num_classes = data.classes,
                                    .normalize = binary ? "none" : rest,
                                    .ignore_index = ignore});
  }
  ClassificationOptions options{.task = task, .num_classes = data.classes, .ignore_index = ignore};
  if (rest == "top 2") {
    options.top_k = 2;
  } else if (!rest.empty()) {
    options.average = rest;
  }
  if (kind == "Accuracy") return metric<Accuracy>(options);
  if (kind == "Precision") return metric<Precision>(options);
  if (kind == "Recall") return metric<Recall>(options);
  return metric<F1Score>(options);
}

TEST_F(Classification, HasTheValuesOfScikitLearn) {
  int64_t compared = 0;
  for (const Case& data : kCases) {
    const auto n = static_cast<int64_t>(data.target.size());
    torch::Tensor scores = torch::tensor(data.scores).to(torch::kFloat32);
    if (data.classes > 2) scores = scores.reshape({n, data.classes});
    const torch::Tensor target = labels(data.target);
    for (const auto& [name, wanted] : data.values) {
      SCOPED_TRACE(data.name + ": " + name);
      const auto metric = made(data, name);
      for (const auto& [from, to] : {std::pair<int64_t, int64_t>{0, 7}, {7, 8}, {8, n}}) {
        if (to % 2 == 0) {
          metric->update(scores.slice(0, from, to), target.slice(0, from, to));
        } else {
          metric->forward(scores.slice(0, from, to), target.slice(0, from, to));
        }
      }
      const std::vector<double> found = values(metric->compute());
      ASSERT_EQ(found.size(), wanted.size());
      for (size_t i = 0; i < found.size(); ++i, ++compared) {
        if (std::isnan(wanted[i])) {
          EXPECT_TRUE(std::isnan(found[i])) << i;
        } else {
          EXPECT_NEAR(found[i], wanted[i], 1e-12) << i;
        }
      }
    }
  }
  EXPECT_GT(compared, 500);
}

TEST_F(Regression, RefusesOtherShapes) {
  MeanSquaredError error;
  EXPECT_THAT(error_of([&] {
                error.update(torch::zeros({2, 1}), torch::zeros({2}));
              }),
              HasSubstr("[2, 1] and target of shape [2]"));
}

// --- Several --------------------------------------------------------------------------------

// Counts its updates.
class CountedAccuracy : public Accuracy {
 public:
  using Accuracy::Accuracy;
  int updates = 0;

 protected:
  void update_state(const Batch& inputs) override {
    ++updates;
    Accuracy::update_state(inputs);
  }
};

TEST_F(Collection, CountsMetricsOfTheSameStatesOnce) {
  const ClassificationOptions options{.task = "multiclass", .num_classes = 4, .average = "macro"};
  const auto accuracy = metric<CountedAccuracy>(options);
  const auto other = metric<CountedAccuracy>(options);
  const auto recall = metric<Recall>(options);
  const auto micro = metric<CountedAccuracy>({.task = "multiclass", .num_classes = 4});
  MetricCollection metrics(
      {{"accuracy", accuracy},
       {"another", other},
       {"recall", recall},
       {"micro", micro},
       {"confusion", metric<ConfusionMatrix>({.task = "multiclass", .num_classes = 4})}},
      {.prefix = "val_", .postfix = "_x"});
  const torch::Tensor preds = labels({0, 2, 1, 3, 3, 1}), target = labels({0, 1, 1, 3, 2, 1});
  for (int pass = 0; pass < 2; ++pass) {
    metrics.update(preds.slice(0, 0, 2), target.slice(0, 0, 2));
    const auto batch = metrics.forward(preds.slice(0, 2), target.slice(0, 2));
    EXPECT_NEAR(value(batch.at("val_recall_x")), 2.0 / 3, 1e-12) << "classes 1 to 3: 1, 0, 1";
    const auto all = metrics.compute();
    EXPECT_EQ(all.size(), 5);
    EXPECT_NEAR(value(all.at("val_accuracy_x")), .6667, 1e-4);
    EXPECT_EQ(value(all.at("val_another_x")), value(all.at("val_accuracy_x")));
    EXPECT_EQ(value(all.at("val_recall_x")), value(all.at("val_accuracy_x")));
    EXPECT_EQ(all.at("val_confusion_x").sum().item<int64_t>(), 6);
    metrics.reset();
  }
  EXPECT_EQ(accuracy->updates, 4);
  EXPECT_EQ(other->updates, 0) << "the first one counts for it";
  EXPECT_EQ(micro->updates, 4);
  EXPECT_TRUE(messages_.warnings.empty());
}

TEST_F(Collection, NamesAndErrors) {
  MetricCollection by_class(
      {metric<Accuracy>({.task = "binary"}), metric<Recall>({.task = "binary"})});
  by_class.update(labels({1}), labels({1}));
  const auto found = by_class.compute();
  EXPECT_EQ(found.count("Accuracy") + found.count("Recall"), 2);
  EXPECT_EQ(by_class["Recall"]->update_count(), 1);
  EXPECT_THAT(error_of([&] { by_class["F1Score"]; }), HasSubstr("it has Accuracy Recall"));
  EXPECT_THAT(error_of([] {
                MetricCollection({metric<MeanMetric>(), metric<MeanMetric>()});
              }),
              HasSubstr("two metrics called MeanMetric"));
  EXPECT_THAT(error_of([] {
                MetricCollection(MetricCollection::Named{{"a", nullptr}});
              }),
              HasSubstr("null: a"));
}

// Torchmetrics' numbers.
TEST_F(Tracker, FindsTheBestStep) {
  MetricTracker tracker(metric<Accuracy>({.task = "binary"}));
  EXPECT_THAT(error_of([&] { tracker.update(labels({1}), labels({1})); }),
              HasSubstr("increment()"));
  for (const auto& preds : {labels({1, 0}), labels({1, 1}), labels({0, 1})}) {
    tracker.increment();
    tracker.update(preds, labels({1, 1}));
  }
  EXPECT_EQ(tracker.n_steps(), 3);
  EXPECT_EQ(value(tracker.compute()), .5);
  EXPECT_THAT(values(tracker.compute_all()), ElementsAre(.5, 1, .5));
  EXPECT_EQ(tracker.best_metric().value, 1);
  EXPECT_EQ(tracker.best_metric().step, 1);

  MetricTracker lowest(metric<MeanSquaredError>());
  for (const float guess : {3.0f, 1.0f, 1.0f}) {
    lowest.increment();
    lowest.update(torch::full({1}, guess), torch::zeros({1}));
  }
  EXPECT_EQ(lowest.best_metric().step, 1) << "less is better, and the first counts";
  EXPECT_THAT(error_of([] { MetricTracker tracker(metric<MeanMetric>()); }), HasSubstr("maximize"));
}

// --- In a module ----------------------------------------------------------------------------

class Guesser : public LightningModule {
 public:
  Guesser() {
    w_ = register_parameter("w", torch::ones({1}));
    train_ = register_module("train_mean", metric<MeanMetric>());
    val_ = register_module("val_max", metric<MaxMetric>());
  }
  StepOutput training_step(const Batch& batch, int64_t) override {
    if (forward_) {
      (*train_)(batch[0]);
    } else {
      train_->update(batch[0]);
    }
    log("mean", logged_ ? logged_ : train_, {.on_step = true, .on_epoch = true});
    return (w_ * batch[0].mean()).sum();
  }
  StepOutput validation_step(const Batch& batch, int64_t, int64_t) override {
    val_->update(batch[0]);
    log("max", val_);
    return {};
  }
  Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(parameters(), 0.1);
  }

  bool forward_ = true;
  std::shared_ptr<MeanMetric> train_;
  std::shared_ptr<Metric> logged_;
  std::shared_ptr<MaxMetric> val_;

 private:
  torch::Tensor w_;
};

// The step's value is the batch's, the epoch's is what it computes, and then it is reset.
TEST_F(LoggedMetric, IsComputedAndResetAtTheEpochsEnd) {
  const auto logger = std::make_shared<MemoryLogger>();
  const auto module = std::make_shared<Guesser>();
  std::vector<int64_t> counts;
  const auto watch = std::make_shared<EarlyStopping>(
      EarlyStoppingOptions{.monitor = "max", .patience = 9, .mode = "max"});
  Trainer trainer(
      quiet({.logger = {logger}, .callbacks = {watch}, .max_epochs = 2, .log_every_n_steps = 1}));
  trainer.fit(module, numbers(3), numbers(4));
  EXPECT_THAT(logger->of("mean_step"),
              ElementsAre(Pair(0, 1), Pair(1, 2), Pair(2, 3), Pair(3, 1), Pair(4, 2), Pair(5, 3)));
  EXPECT_THAT(logger->of("mean_epoch"), ElementsAre(Pair(2, 2), Pair(5, 2)));
  EXPECT_THAT(logger->of("max"), ElementsAre(Pair(2, 4), Pair(5, 4)));
  EXPECT_EQ(module->train_->update_count(), 0);
  EXPECT_EQ(module->val_->update_count(), 0);
  EXPECT_EQ(watch->best_score(), 4);
  EXPECT_EQ(trainer.callback_metrics().at("mean").value(), 2);
}

TEST_F(LoggedMetric, HasNoStepValueWithoutForward) {
  const auto logger = std::make_shared<MemoryLogger>();
  const auto module = std::make_shared<Guesser>();
  module->forward_ = false;
  Trainer trainer(quiet({.logger = {logger}, .max_epochs = 1, .log_every_n_steps = 1}));
  trainer.fit(module, numbers(3), numbers(1));
  EXPECT_TRUE(logger->of("mean_step").empty());
  EXPECT_THAT(logger->of("mean_epoch"), ElementsAre(Pair(2, 2)));
}

TEST_F(LoggedMetric, IsResetAfterTheSanityCheckAndAfterValidate) {
  const auto module = std::make_shared<Guesser>();
  Trainer trainer(quiet({.max_epochs = 1, .num_sanity_val_steps = 2}));
  const auto falling = numbers(2);
  trainer.fit(module, numbers(1),
              std::make_shared<testing::ListLoader>(
                  std::vector<Batch>{torch::full({1, 1}, 9.0f), torch::full({1, 1}, 4.0f)}));
  EXPECT_EQ(module->val_->update_count(), 0);
  const auto scores = trainer.validate(module, falling, {.verbose = false});
  EXPECT_EQ(scores[0].at("max"), 2) << "nothing of the fit's validation is left";
  EXPECT_EQ(module->val_->update_count(), 0);
}

TEST_F(LoggedMetric, MustBeAPartOfTheModule) {
  const auto module = std::make_shared<Guesser>();
  module->logged_ = metric<MeanMetric>();
  Trainer trainer(quiet({.max_epochs = 1, .limit_val_batches = 0}));
  EXPECT_THAT(error_of([&] { trainer.fit(module, numbers(1)); }),
              AllOf(HasSubstr("register_module()"), HasSubstr("train_mean val_max")));
}

// region logged_metric
class Judge : public lit::LightningModule {
 public:
  Judge() {
    accuracy_ = register_module(
        "accuracy", lit::metric<lit::Accuracy>({.task = "multiclass", .num_classes = 3}));
  }
  lit::StepOutput validation_step(const lit::Batch& batch, int64_t, int64_t) override {
    const auto [scores, labels] = batch.unpack<2>();
    accuracy_->update(scores, labels);
    log("val_accuracy", accuracy_);  // computed at the epoch's end, and then reset
    return {};
  }

 private:
  std::shared_ptr<lit::Accuracy> accuracy_;
};
// endregion

TEST_F(LoggedMetric, CountsSamplesNotBatches) {
  const torch::Tensor right = torch::eye(3);
  const auto loader = std::make_shared<testing::ListLoader>(
      std::vector<Batch>{{right, labels({0, 1, 2})}, {right.slice(0, 0, 1), labels({2})}});
  Trainer trainer(quiet());
  const auto scores = trainer.validate(std::make_shared<Judge>(), loader, {.verbose = false});
  EXPECT_EQ(scores[0].at("val_accuracy"), .75);
}

class Collector : public LightningModule {
 public:
  Collector() {
    const auto make = [](const std::string& average) {
      return metric<Accuracy>({.task = "multiclass", .num_classes = 9, .average = average});
    };
    metrics = register_module(
        "metrics", std::make_shared<MetricCollection>(
                       MetricCollection::Named{{"micro", make("micro")}, {"macro", make("macro")}},
                       MetricCollectionOptions{.prefix = "test_"}));
    each = register_module("each", make("none"));
  }
  StepOutput test_step(const Batch& batch, int64_t, int64_t) override {
    const torch::Tensor target = batch[0].to(torch::kInt64);
    if (log_batches) {
      log_dict(metrics->forward(torch::ones_like(target), target));
    } else {
      metrics->update(torch::ones_like(target), target);
      log_dict(metrics);
    }
    if (log_each) {
      each->update(target, target);
      log("each", each);
    }
    return {};
  }
  std::shared_ptr<MetricCollection> metrics;
  std::shared_ptr<Metric> each;
  bool log_each = false, log_batches = false;
};

TEST_F(LoggedMetric, ACollectionIsLoggedByItsNames) {
  const auto module = std::make_shared<Collector>();
  Trainer trainer(quiet());
  const auto scores = trainer.test(module, numbers(4), {.verbose = false});
  EXPECT_EQ(scores[0].at("test_micro"), .25);
  EXPECT_EQ(scores[0].at("test_macro"), .25);
  EXPECT_EQ((*module->metrics)["micro"]->update_count(), 0);

  module->log_each = true;
  EXPECT_THAT(error_of([&] { trainer.test(module, numbers(1), {.verbose = false}); }),
              AllOf(HasSubstr("log(\"each\")"), HasSubstr("shape [9]")));
}

TEST_F(LoggedMetric, TheValuesOfABatchOfACollectionAreLoggedAsNumbers) {
  const auto module = std::make_shared<Collector>();
  module->log_batches = true;
  Trainer trainer(quiet());
  const auto scores = trainer.test(module, numbers(4), {.verbose = false});
  EXPECT_EQ(scores[0].at("test_micro"), .25);                 // their mean
  EXPECT_EQ((*module->metrics)["micro"]->update_count(), 4);  // it is not logged itself
}

}  // namespace
}  // namespace lit
