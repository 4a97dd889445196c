// Metrics: what they do with odd inputs, with each other's states, and as members of a collection.
#include <cmath>
#include <limits>

#include "lit/metrics/aggregation.h"
#include "lit/metrics/classification.h"
#include "lit/metrics/collection.h"
#include "lit/metrics/regression.h"
#include "lit/metrics/text.h"
#include "lit/metrics/tracker.h"
#include "testing.h"

namespace lit {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Messages;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double number(const torch::Tensor& tensor) {
  return tensor.item<double>();
}
torch::Tensor whole(std::vector<int64_t> numbers) {
  return torch::tensor(numbers);
}
torch::Tensor real(std::vector<double> numbers) {
  return torch::tensor(numbers);
}
std::vector<double> list(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.to(torch::kFloat64).flatten().contiguous();
  return {flat.data_ptr<double>(), flat.data_ptr<double>() + flat.numel()};
}

// --- Members of a collection --------------------------------------------------------------------

// Three batches of two samples, and a collection in which Accuracy counts for Recall.
class MetricMembers : public ::testing::Test {
 protected:
  struct Inputs {
    torch::Tensor preds, target;
  };
  template <typename M>
  static void update(M& metric, const Inputs& inputs) {
    metric.update(inputs.preds, inputs.target);
  }

  const Inputs a{whole({1, 0}), whole({1, 1})}, b{whole({1, 1}), whole({1, 1})},
      z{whole({0, 0}), whole({1, 1})};
  const std::shared_ptr<Accuracy> acc = metric<Accuracy>({.task = "binary"});
  const std::shared_ptr<Recall> rec = metric<Recall>({.task = "binary"});
  MetricCollection both{MetricCollection::Named{{"acc", acc}, {"rec", rec}}};
  Messages messages_;
};

TEST_F(MetricMembers, GoOnWithTheFirstOfTheirGroup) {
  update(both, a);
  EXPECT_EQ(number(rec->compute()), 0.5);
  acc->reset();
  update(both, b);
  EXPECT_EQ(number(rec->compute()), 1);
}

TEST_F(MetricMembers, AreNotResetWithTheFirst) {
  update(both, a);
  EXPECT_EQ(number(acc->compute()), 0.5);
  acc->reset();
  EXPECT_EQ(number(rec->compute()), 0.5);
  EXPECT_TRUE(messages_.warnings.empty());
}

TEST_F(MetricMembers, KeepWhatTheyCountedAlone) {
  EXPECT_EQ(number(rec->forward(a.preds, a.target)), 0.5);
  update(both, b);
  EXPECT_EQ(number(both.compute().at("rec")), 0.75);
  EXPECT_EQ(number(acc->compute()), 1);
  update(both, a);
  EXPECT_EQ(number(rec->compute()), 4.0 / 6);
}

TEST_F(MetricMembers, MayCountABatchMore) {
  update(both, a);
  update(*rec, z);
  EXPECT_EQ(number(rec->compute()), 0.25);
  EXPECT_EQ(number(acc->compute()), 0.5) << "it alone";
}

TEST_F(MetricMembers, AreMergedReadAndCountedAsWhatTheyAre) {
  update(both, a);
  EXPECT_EQ(rec->update_count(), 1);
  Recall fresh({.task = "binary"}), another({.task = "binary"}), of_b({.task = "binary"});
  fresh.merge_state(*rec);
  EXPECT_EQ(number(fresh.compute()), 0.5);
  another.load_state_dict(rec->state_dict());
  EXPECT_EQ(number(another.compute()), 0.5);
  update(of_b, b);
  rec->merge_state(of_b);
  EXPECT_EQ(number(rec->compute()), 0.75);
  EXPECT_EQ(number(acc->compute()), 0.5);
}

TEST_F(MetricMembers, AreResetAlone) {
  update(both, a);
  both.compute();
  rec->reset();
  EXPECT_EQ(number(both.compute().at("rec")), 0);
  EXPECT_EQ(number(both.compute().at("acc")), 0.5);
  update(both, b);
  EXPECT_EQ(number(rec->compute()), 1) << "and count from there";
  EXPECT_EQ(number(acc->compute()), 0.75);
}

TEST_F(MetricMembers, BelongToTwoCollections) {
  const auto other = metric<Accuracy>({.task = "binary"});
  MetricCollection second{MetricCollection::Named{{"other", other}, {"rec", rec}}};
  update(both, a);
  EXPECT_EQ(number(second.compute().at("rec")), 0.5);
  update(second, b);
  EXPECT_EQ(number(rec->compute()), 0.75);
  EXPECT_EQ(number(other->compute()), 1);
  EXPECT_EQ(number(acc->compute()), 0.5);
}

TEST_F(MetricMembers, ARefusedUpdateIsCountedByNone) {
  MetricCollection three(MetricCollection::Named{
      {"acc", acc}, {"area", metric<AUROC>({.task = "binary"})}, {"rec", rec}});
  three.update(real({.2, .8}), whole({0, 1}));
  EXPECT_THAT(error_of([&] { three.update(whole({0, 1}), whole({0, 1})); }), HasSubstr("AUROC"));
  EXPECT_THAT(error_of([&] { three.forward(whole({0, 1}), whole({0, 1})); }), HasSubstr("AUROC"));
  for (const auto& [name, one] : three.items()) EXPECT_EQ(one->update_count(), 1) << name;
  EXPECT_EQ(number(acc->state_dict().at("tp").as_tensor()), 1);
}

// Throws when it has counted half of a batch.
class Fragile : public Metric {
 public:
  Fragile() { add_state("sum", torch::zeros({}), StateReduce::sum); }

 protected:
  void update_state(const Batch& inputs) override {
    state("sum") += inputs[0].sum();
    if (inputs[0].numel() > 2) throw Error("too many");
  }
  torch::Tensor compute_state() override { return state("sum"); }
};

TEST_F(MetricMembers, NotEvenByOneThatBreaks) {
  const auto fragile = metric<Fragile>(), another = metric<Fragile>();
  MetricCollection all(
      MetricCollection::Named{{"acc", acc}, {"fragile", fragile}, {"rec", rec}, {"z", another}});
  all.update(whole({1, 1}), whole({1, 1}));
  EXPECT_EQ(error_of([&] { all.update(whole({1, 1, 1}), whole({1, 1, 1})); }), "Fragile: too many");
  EXPECT_EQ(number(fragile->compute()), 2);
  EXPECT_EQ(number(rec->compute()), 1);
  for (const auto& [name, one] : all.items()) EXPECT_EQ(one->update_count(), 1) << name;
}

TEST_F(MetricMembers, AreAddedNestedAndCloned) {
  const auto inner = std::make_shared<MetricCollection>(
      MetricCollection::Named{{"f1", metric<F1Score>({.task = "binary"})}},
      MetricCollectionOptions{.prefix = "x_"});
  both.add_metrics(MetricCollection::Named{{"inner", inner}});
  both.add_metrics({metric<MeanSquaredError>()});
  EXPECT_EQ(both.size(), 4);
  EXPECT_EQ(both.items().count("inner_x_f1"), 1);
  EXPECT_EQ(both.items().count("MeanSquaredError"), 1);
  update(both, a);
  const auto val = both.clone("val_");
  update(*val, b);
  EXPECT_EQ(number(val->compute().at("val_rec")), 0.75);
  EXPECT_EQ(number((*val)["val_rec"]->compute()), 0.75) << "by its full name, too";
  EXPECT_EQ(number(both.compute().at("rec")), 0.5) << "its own";
  EXPECT_THAT(error_of([&] {
                both.add_metrics(MetricCollection::Named{{"acc", rec}});
              }),
              HasSubstr("two metrics called acc"));
  for (const char* name : {"", "a.b"}) {
    EXPECT_THAT(error_of([&] {
                  both.add_metrics(MetricCollection::Named{{name, rec}});
                }),
                HasSubstr("is called \"" + std::string(name) + "\""));
  }
  EXPECT_EQ(both.size(), 4);
}

TEST_F(MetricMembers, AreGroupedAsOneSays) {
  using Groups = std::vector<std::vector<std::string>>;
  EXPECT_EQ(both.compute_groups(), (Groups{{"acc", "rec"}}));
  const MetricCollection::Named named{
      {"acc", acc}, {"rec", rec}, {"mse", metric<MeanSquaredError>()}};
  EXPECT_EQ(MetricCollection(named, {.compute_groups = false}).compute_groups().size(), 3);
  EXPECT_EQ(MetricCollection(named, {.compute_groups = Groups{{"rec", "acc"}}}).compute_groups(),
            (Groups{{"rec", "acc"}, {"mse"}}));
  const auto sentence = [&](const Groups& groups) {
    return error_of([&] { MetricCollection(named, {.compute_groups = groups}); });
  };
  EXPECT_THAT(sentence({{"acc", "f1"}}), HasSubstr("names f1"));
  EXPECT_THAT(sentence({{"acc"}, {"acc"}}), HasSubstr("acc twice"));
  EXPECT_THAT(sentence({{"acc", "mse"}}), HasSubstr("do not count the same"));
}

// --- Logits -------------------------------------------------------------------------------------

class MetricScores : public ::testing::Test {
 protected:
  Messages messages_;
};

double area(const torch::Tensor& scores, std::vector<int64_t> target) {
  AUROC metric({.task = "binary"});
  metric.update(scores, whole(std::move(target)));
  return number(metric.compute());
}

TEST_F(MetricScores, AreasAreOfTheOrderAlone) {
  EXPECT_EQ(area(torch::tensor({20.f, 30.f, 40.f, 50.f}), {0, 1, 0, 1}), 0.75);
  EXPECT_EQ(area(torch::tensor({18.f, 18.3f, 18.6f, 18.9f}), {0, 0, 1, 1}), 1);
  AUROC one_by_one({.task = "binary"});
  for (int i = 0; i < 20; ++i) {
    const double score = -2 + 0.2 * i;
    one_by_one.update(real({score}), whole({score > 0}));
  }
  EXPECT_EQ(number(one_by_one.compute()), 1);
}

TEST_F(MetricScores, LogitsOfSeveralClassesAreKeptApart) {
  AUROC metric({.task = "multiclass", .num_classes = 2});
  metric.update(torch::tensor({{60.f, 0.f}, {50.f, 0.f}, {40.f, 0.f}, {30.f, 0.f}}),
                whole({0, 0, 1, 1}));
  EXPECT_EQ(number(metric.compute()), 1) << "a softmax says 1 to all of them";
  EXPECT_THAT(error_of([&] {
                metric.update(torch::tensor({{-.3f, .8f}, {INFINITY, INFINITY}}), whole({0, 1}));
              }),
              HasSubstr("infinite"));
}

TEST_F(MetricScores, AreOfOneKind) {
  Accuracy accuracy({.task = "binary"});
  accuracy.update(real({.3}), whole({0}));
  EXPECT_THAT(error_of([&] {
                accuracy.update(real({.3, 4}), whole({0, 1}));
              }),
              AllOf(HasSubstr("Accuracy"), HasSubstr("probabilities"), HasSubstr("scores")));
  EXPECT_EQ(number(accuracy.compute()), 1);
  EXPECT_EQ(accuracy.update_count(), 1);

  Accuracy told({.task = "binary", .scores = "logits"});
  told.update(real({.3}), whole({0}));
  told.update(real({.3, 4}), whole({0, 1}));
  EXPECT_EQ(number(told.compute()), 1.0 / 3);
  Accuracy decided({.task = "binary"});
  decided.update(real({.3, 4}), whole({0, 1}));
  decided.update(real({.3}), whole({0}));
  EXPECT_EQ(number(decided.compute()), 1.0 / 3) << "the first batch's decision holds";
  EXPECT_THAT(error_of([&] { decided.merge_state(accuracy); }), HasSubstr("of others for logits"));
  EXPECT_EQ(decided.update_count(), 2);
  Accuracy strict({.task = "binary", .scores = ScoreKind::probabilities});
  EXPECT_THAT(error_of([&] { strict.update(real({.3, 4}), whole({0, 1})); }), HasSubstr("outside"));
}

TEST_F(MetricScores, TheDecisionGoesThroughAFile) {
  Accuracy before({.task = "binary"}), after({.task = "binary"});
  before.update(real({.3, 4}), whole({0, 1}));
  after.load_state_dict(before.state_dict());
  after.update(real({.3}), whole({0}));
  EXPECT_EQ(number(after.compute()), 1.0 / 3);
}

TEST_F(MetricScores, WhatIsIgnoredDecidesNothing) {
  const torch::Tensor preds = real({.4, .3, .6, -9999}), target = whole({0, 0, 1, -1});
  AUROC metric({.task = "binary", .ignore_index = -1});
  metric.update(preds, target);
  EXPECT_EQ(number(metric.compute()), 1);
  metric.reset();
  metric.update(real({.4, .3, -9999}), whole({0, 1, -1}));
  metric.update(real({.6, .35}), whole({1, 0}));
  EXPECT_EQ(number(metric.compute()), 0.5);
  ConfusionMatrix matrix({.task = "binary", .ignore_index = -1});
  matrix.update(preds, target);
  EXPECT_THAT(list(matrix.compute()), ElementsAre(2, 0, 0, 1));
  Accuracy accuracy({.task = "multiclass", .num_classes = 2, .ignore_index = -1});
  accuracy.update(whole({0, 1, -1}), whole({0, 1, -1}));
  EXPECT_EQ(number(accuracy.compute()), 1);
}

TEST_F(MetricScores, ANaNIsToldOf) {
  const torch::Tensor preds = real({.1, kNan, .2, .3}), target = whole({0, 0, 0, 0});
  Accuracy accuracy({.task = "binary"});
  accuracy.update(preds, target);
  EXPECT_EQ(number(accuracy.compute()), 1);
  EXPECT_THAT(messages_.warnings, ElementsAre("Accuracy was given 1 NaN as scores"));
  EXPECT_EQ(number(accuracy.compute()), 1);
  EXPECT_EQ(messages_.warnings.size(), 1);
  messages_.warnings.clear();
  AUROC metric({.task = "binary"});
  metric.update(real({.1, kNan, .2, .3}), whole({0, 1, 1, 0}));
  EXPECT_EQ(number(metric.compute()), 0.5);
  EXPECT_THAT(messages_.warnings, ElementsAre("AUROC was given 1 NaN as scores"));
}

TEST_F(MetricScores, TiesAreNotOneClassMore) {
  Accuracy ten({.task = "multiclass", .num_classes = 10, .top_k = 5});
  ten.update(torch::ones({10, 10}), torch::arange(10));
  EXPECT_EQ(number(ten.compute()), 0.5);
  Accuracy four({.task = "multiclass", .num_classes = 4, .top_k = 2});
  four.update(torch::ones({4, 4}), torch::arange(4));
  EXPECT_EQ(number(four.compute()), 0.5);
}

TEST_F(MetricScores, TopKCountsClassesThatWereOnlyPredicted) {
  F1Score f1({.task = "multiclass", .num_classes = 5, .average = "macro", .top_k = 3});
  f1.update(torch::tensor({{.1, 1.2, 1., .2, 0.}, {-1.4, -1.5, .1, -.1, .6}}), whole({3, 1}));
  EXPECT_NEAR(number(f1.compute()), 1.0 / 3, 1e-12);
}

// --- States -------------------------------------------------------------------------------------

class MetricStates : public ::testing::Test {
 protected:
  Messages messages_;
};

// Gives its state away, and takes one that somebody else has.
class Naive : public Metric {
 public:
  explicit Naive(const torch::Tensor& initial) { add_state("sum", initial, StateReduce::sum); }

 protected:
  void update_state(const Batch& inputs) override { state("sum") += inputs[0].sum(); }
  torch::Tensor compute_state() override { return state("sum"); }
};

TEST_F(MetricStates, AreNobodyElses) {
  const torch::Tensor initial = torch::zeros({});
  Naive naive(initial);
  naive.update(1);
  const torch::Tensor value = naive.compute();
  naive.update(2);
  EXPECT_EQ(number(value), 1);
  EXPECT_EQ(number(naive.forward(4)), 4);
  initial.fill_(9);
  naive.reset();
  naive.update(1);
  EXPECT_EQ(number(naive.compute()), 1);
}

TEST_F(MetricStates, ACopyCountsByItself) {
  Accuracy accuracy({.task = "binary"});
  accuracy.update(whole({1}), whole({1}));
  Accuracy copy = accuracy;
  copy.update(whole({0}), whole({1}));
  EXPECT_EQ(number(accuracy.compute()), 1);
  EXPECT_EQ(number(copy.compute()), 0.5);
  const auto clone = std::dynamic_pointer_cast<Accuracy>(copy.clone());
  clone->update(whole({0, 0}), whole({1, 1}));
  EXPECT_EQ(number(clone->compute()), 0.25);
  EXPECT_EQ(number(copy.compute()), 0.5);
  EXPECT_THAT(error_of([] { Naive(torch::zeros({})).clone(); }),
              HasSubstr("Naive cannot be cloned; make it by lit::metric"));
}

template <typename M>
std::string merge_error(typename M::Options one, typename M::Options other) {
  M into(one), from(other);
  from.update(torch::tensor({0, 1}), torch::tensor({0, 1}));
  const std::string error = error_of([&] { into.merge_state(from); });
  EXPECT_EQ(into.update_count(), 0);
  EXPECT_THAT(error_of([&] { into.load_state_dict(from.state_dict()); }), HasSubstr("Accuracy"));
  EXPECT_EQ(into.update_count(), 0);
  return error;
}

TEST_F(MetricStates, AreMergedIfAllIsTheSame) {
  const auto sentence = merge_error<Accuracy>;
  EXPECT_EQ(sentence({.task = "multiclass", .num_classes = 3, .average = "macro"},
                     {.task = "multiclass", .num_classes = 3}),
            "Accuracy cannot take in what another Accuracy has counted; its average is micro, not "
            "macro");
  EXPECT_THAT(sentence({.task = "multiclass", .num_classes = 3, .average = "macro"},
                       {.task = "multiclass", .num_classes = 5, .average = "macro"}),
              HasSubstr("num_classes is 5, not 3"));
  EXPECT_THAT(sentence({.task = "binary", .threshold = 0.4}, {.task = "binary"}),
              HasSubstr("threshold is 0.5, not 0.4"));
  EXPECT_THAT(sentence({.task = "binary", .ignore_index = -1}, {.task = "binary"}),
              HasSubstr("ignore_index is None, not -1"));
  EXPECT_THAT(
      error_of([] { Naive(torch::zeros({2})).merge_state(Naive(torch::zeros({}))); }),
      HasSubstr("its sum is a tensor of shape [] and dtype Float, not a tensor of shape [2]"));
  EXPECT_THAT(
      error_of([] { Naive(torch::zeros({}, torch::kInt64)).merge_state(Naive(torch::zeros({}))); }),
      HasSubstr("dtype Float"));
  RunningMean running;
  EXPECT_THAT(error_of([&] { running.merge_state(RunningMean()); }), HasSubstr("no reduction"));
}

TEST_F(MetricStates, AreReadIfTheyAreItsOwn) {
  Accuracy accuracy({.task = "multiclass", .num_classes = 3, .average = "macro"});
  accuracy.update(whole({0, 1}), whole({0, 2}));
  const double before = number(accuracy.compute());
  const auto sentence = [&](const char* key, const course::Value& value) {
    course::Dict state = accuracy.state_dict();
    state.set(key, value);
    return error_of([&] { accuracy.load_state_dict(state); });
  };
  EXPECT_THAT(sentence("tp", torch::zeros({5}, torch::kInt64)), HasSubstr("tp"));
  EXPECT_THAT(sentence("tp", torch::zeros({3})), HasSubstr("tp"));
  EXPECT_THAT(sentence("update_count", -5), HasSubstr("update_count is -5"));
  EXPECT_EQ(sentence("more", 1),
            "this is no state of this Accuracy: there is more, which is no state of it");
  EXPECT_EQ(number(accuracy.compute()), before);
  // It is an Error of this library's.
  EXPECT_THROW(accuracy.load_state_dict({}), lit::Error);
}

// Without options, and with what a sigmoid or a softmax has made.
TEST_F(MetricStates, OfVersion01GoOn) {
  const course::Dict old{{"update_count", 1},
                         {"preds", course::List{real({.2, .7})}},
                         {"target", course::List{whole({0, 1})}}};
  AUROC binary({.task = "binary"});
  binary.load_state_dict(old);
  binary.update(real({.9}), whole({1}));
  EXPECT_EQ(number(binary.compute()), 1);
  EXPECT_THAT(error_of([&] { binary.update(real({-2}), whole({1})); }), HasSubstr("version 0.1"));
  binary.reset();
  binary.update(real({-2, 3}), whole({0, 1}));
  AUROC several({.task = "multiclass", .num_classes = 2});
  several.load_state_dict({{"update_count", 1},
                           {"preds", course::List{torch::tensor({{.8, .2}, {.3, .7}})}},
                           {"target", course::List{whole({0, 1})}}});
  EXPECT_EQ(number(several.compute()), 1);
  EXPECT_THAT(error_of([&] {
                several.update(torch::tensor({{-2., 2.}}), whole({1}));
              }),
              HasSubstr("version 0.1"));
}

// --- Errors -------------------------------------------------------------------------------------

TEST_F(MetricStates, ErrorsNameTheMetric) {
  Accuracy accuracy({.task = "binary"});
  const auto update = [&](const torch::Tensor& preds, const torch::Tensor& target) {
    return error_of([&] { accuracy.update(preds, target); });
  };
  EXPECT_THAT(error_of([&] { accuracy.update(whole({1})); }),
              HasSubstr("Accuracy takes preds and target, but was given 1"));
  EXPECT_THAT(update(torch::ones({2}).to_sparse(), whole({1, 1})),
              HasSubstr("Accuracy was given a sparse tensor"));
  EXPECT_THAT(update(torch::ones({2}, torch::kComplexFloat), whole({1, 1})),
              HasSubstr("Accuracy was given a complex tensor"));
  EXPECT_THAT(update(real({.1, .2}), real({0, .5})), HasSubstr("it takes 0 and 1"));
  MeanMetric mean;
  EXPECT_THAT(error_of([&] {
                mean.update(real({1, 2}), real({1, 2, 3}));
              }),
              HasSubstr("MeanMetric was given values of shape [2] and weights of shape [3]"));
  EXPECT_THAT(error_of([&] { mean.update(1, 2, 3); }), HasSubstr("MeanMetric takes"));
  EXPECT_THAT(error_of([] { ConfusionMatrix({.task = "multiclass", .num_classes = 90'000'000}); }),
              HasSubstr("num_classes of ConfusionMatrix"));
  EXPECT_THAT(error_of([] { Accuracy({.task = "multiclass", .num_classes = int64_t{1} << 60}); }),
              HasSubstr("num_classes"));
  EXPECT_THAT(error_of([] { ConfusionMatrix({.task = "binary", .threshold = 1.5}); }),
              HasSubstr("threshold of ConfusionMatrix is 1.5"));
  EXPECT_THAT(error_of([] { Accuracy({.task = "binary", .threshold = NAN}); }),
              HasSubstr("threshold"));
  EXPECT_THAT(error_of([] { Accuracy({.task = "binary", .zero_division = 0.5}); }),
              HasSubstr("zero_division"));
}

// What libtorch has no word for is named, too.
class Careless : public Metric {
 protected:
  void update_state(const Batch& inputs) override { inputs[0].matmul(inputs[1]); }
  torch::Tensor compute_state() override { return {}; }
};

TEST_F(MetricStates, ErrorsOfLibtorchNameTheMetric) {
  Careless careless;
  const std::string error = error_of([&] {
    careless.update(torch::ones({2, 3}), torch::ones({2, 3}));
  });
  EXPECT_THAT(error, HasSubstr("Careless cannot take these inputs"));
  EXPECT_EQ(error.find('\n'), std::string::npos);
}

TEST_F(MetricStates, TakesWhatIsUsual) {
  Accuracy capitals({.task = "Binary"});
  capitals.update(torch::tensor({.1f, .9f}).to(torch::kHalf), real({0., 1.}));
  EXPECT_EQ(number(capitals.compute()), 1);
  Accuracy bits({.task = Task::binary});
  bits.update(torch::tensor({true, false}), torch::tensor({true, true}));
  EXPECT_EQ(number(bits.compute()), 0.5);
  AUROC more({.task = "multiclass", .num_classes = 2});
  more.update(torch::tensor({.1, .4, .9, .6}).reshape({1, 2, 2}), whole({0, 1}).reshape({1, 2}));
  EXPECT_EQ(number(more.compute()), 0) << "the score of class 1 is .9 for a 0, and .6 for a 1";
  Accuracy nothing({.task = "multiclass", .num_classes = 3});
  nothing.update(torch::zeros({0, 3}), torch::zeros({0}, torch::kInt64));
  nothing.update(whole({1}), whole({1}));
  EXPECT_EQ(number(nothing.compute()), 1) << "an empty batch counts nothing";
}

TEST_F(MetricStates, AregressionsValueCarriesGradients) {
  const torch::Tensor preds = real({1, 2}).requires_grad_();
  MeanSquaredError error;
  const torch::Tensor value = error.forward(preds, real({0, 0}));
  value.backward();
  EXPECT_THAT(list(preds.grad()), ElementsAre(1, 2));
  error.forward(preds, real({0, 0}));
  EXPECT_FALSE(error.compute().requires_grad());
  EXPECT_FALSE(error.state_dict().at("sum_squared_error").as_tensor().requires_grad());
  const torch::NoGradGuard no_grad;
  EXPECT_FALSE(error.forward(preds, real({0, 0})).requires_grad());
}

TEST_F(MetricStates, MemoryOfThresholdsDoesNotGrow) {
  AUROC metric({.task = "binary", .thresholds = 100});
  const auto elements = [&] {
    int64_t sum = 0;
    for (const auto& [key, state] : metric.state_dict()) {
      if (state.is<torch::Tensor>()) sum += state.as_tensor().numel();
    }
    return sum;
  };
  metric.update(torch::rand({10}), torch::randint(2, {10}));
  const int64_t before = elements();
  for (int i = 0; i < 5; ++i) metric.update(torch::rand({1000}), torch::randint(2, {1000}));
  EXPECT_EQ(elements(), before);
  EXPECT_THAT(error_of([] { AUROC({.task = "binary", .thresholds = 1}); }),
              HasSubstr("thresholds"));
  EXPECT_THAT(error_of([] {
                AUROC({.task = "binary", .thresholds = {0.1, 2}});
              }),
              HasSubstr("thresholds of AUROC has 2"));
  EXPECT_THAT(error_of([] { AUROC({.task = "binary", .max_fpr = 1.5}); }), HasSubstr("max_fpr"));
}

TEST_F(MetricStates, ATrackerOfACollection) {
  const auto metrics = std::make_shared<MetricCollection>(MetricCollection::Named{
      {"acc", metric<Accuracy>({.task = "binary"})}, {"mse", metric<MeanSquaredError>()}});
  MetricTracker tracker(metrics);
  for (const auto& preds : {whole({1, 0}), whole({1, 1}), whole({0, 0})}) {
    tracker.increment();
    tracker.update(preds, whole({1, 1}));
  }
  EXPECT_EQ(tracker.best_of_each().at("acc").step, 1);
  EXPECT_EQ(tracker.best_of_each().at("mse").value, 0);
  EXPECT_THAT(list(tracker.compute_all_of_each().at("mse")), ElementsAre(.5, 0, 1));
  EXPECT_THAT(error_of([&] { tracker.compute(); }), HasSubstr("call compute_each()"));
  EXPECT_THAT(error_of([&] {
                MetricTracker(std::make_shared<MetricCollection>(
                    MetricCollection::Named{{"mean", metric<MeanMetric>()}}));
              }),
              HasSubstr("nobody can say of mean"));
}

}  // namespace
}  // namespace lit
