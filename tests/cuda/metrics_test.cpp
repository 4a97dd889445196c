// Metrics on a GPU: their values, their devices, and that no update waits.
#include "../lit/metrics/kept.h"
#include "device.h"

namespace lit {
namespace {

using testing::device;
using torch::Tensor;

class CudaMetrics : public testing::OnDevice {};

TEST_F(CudaMetrics, HaveTheValuesOfTorchmetrics) {
  cases::device = device();
  cases::expect_kept_values();
  cases::device = torch::kCPU;
}

TEST_F(CudaMetrics, ADeviceWithoutANumberIsTheCurrentOne) {
  const auto accuracy = metric<Accuracy>({.task = "multiclass", .num_classes = 3});
  accuracy->to(torch::Device(device().type()));
  accuracy->update(torch::tensor({0, 1, 2, 2}, device()), torch::tensor({0, 1, 1, 2}, device()));
  EXPECT_FLOAT_EQ(accuracy->compute().item<float>(), 0.75F);
  const Batch batch{torch::ones({2}, device())};
  EXPECT_TRUE(batch.to(torch::Device(device().type()))[0].is_same(batch[0])) << "nothing to move";
}

TEST_F(CudaMetrics, UpdatesDoNotWait) {
  const auto on = [](const Tensor& tensor) { return tensor.to(device()); };
  const Tensor scores = on(torch::randn({64, 10})), classes = on(torch::randint(10, {64}));
  const Tensor flat = on(torch::rand({64})), bits = on(torch::randint(2, {64}));
  const Tensor labels = on(torch::randint(2, {64, 10}));
  const std::vector<Tensor> several{scores, classes}, two{flat, bits}, many{scores, labels},
      numbers{flat, on(torch::rand({64}))},
      words{scores.reshape({8, 8, 10}), classes.reshape({8, 8})};
  const auto expect_no_wait = [](const std::string& name, auto& one,
                                 const std::vector<Tensor>& inputs) {
    one.to(device());
    const auto update = [&] {
      inputs.size() == 1 ? one.update(inputs[0]) : one.update(inputs[0], inputs[1]);
    };
    for (int i = 0; i < 3; ++i) update();
    const testing::NoWaits none;
    for (int i = 0; i < 30; ++i) EXPECT_NO_THROW(update()) << name;
  };
  const std::vector<std::tuple<std::string, std::shared_ptr<Metric>, std::vector<Tensor>>> metrics{
      {"Accuracy, multiclass", metric<Accuracy>({.task = "multiclass", .num_classes = 10}),
       several},
      {"Accuracy, macro, ignored",
       metric<Accuracy>(
           {.task = "multiclass", .num_classes = 10, .average = "macro", .ignore_index = 3}),
       several},
      {"Accuracy, top 3", metric<Accuracy>({.task = "multiclass", .num_classes = 10, .top_k = 3}),
       several},
      {"Recall, binary", metric<Recall>({.task = "binary", .ignore_index = -1}), two},
      {"F1Score, multilabel",
       metric<F1Score>({.task = "multilabel", .num_labels = 10, .average = "macro"}), many},
      {"ConfusionMatrix", metric<ConfusionMatrix>({.task = "multiclass", .num_classes = 10}),
       several},
      {"CohenKappa", metric<CohenKappa>({.task = "binary"}), two},
      {"AUROC, multiclass",
       metric<AUROC>({.task = "multiclass", .num_classes = 10, .ignore_index = 3}), several},
      {"AUROC, thresholds",
       metric<AUROC>({.task = "multiclass", .num_classes = 10, .thresholds = 100}), several},
      {"AveragePrecision, multilabel",
       metric<AveragePrecision>({.task = "multilabel", .num_labels = 10}), many},
      {"CalibrationError", metric<CalibrationError>({.task = "multiclass", .num_classes = 10}),
       several},
      {"MeanMetric", metric<MeanMetric>(), numbers},
      {"SumMetric", metric<SumMetric>(), {flat}},
      {"MaxMetric", metric<MaxMetric>(), {flat}},
      {"RunningMean", metric<RunningMean>(), {flat}},
      {"MeanSquaredError", metric<MeanSquaredError>(), numbers},
      {"MeanAbsoluteError", metric<MeanAbsoluteError>(), numbers},
      {"R2Score", metric<R2Score>(), numbers},
      {"ExplainedVariance", metric<ExplainedVariance>(), numbers},
      {"CosineSimilarity", metric<CosineSimilarity>(), {scores, scores}},
      {"Perplexity", metric<Perplexity>(), words}};
  for (const auto& [name, one, inputs] : metrics) expect_no_wait(name, *one, inputs);
  MetricCollection both(MetricCollection::Named{
      {"accuracy", metric<Accuracy>({.task = "multiclass", .num_classes = 10, .average = "macro"})},
      {"recall", metric<Recall>({.task = "multiclass", .num_classes = 10, .average = "macro"})}});
  expect_no_wait("MetricCollection", both, several);
}

}  // namespace
}  // namespace lit
