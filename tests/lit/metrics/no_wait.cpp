// Counts how often updates of metrics wait for a GPU, by CUDA's sync debug mode; they must not. Not
// part of the build: it needs libtorch with CUDA.
#include <c10/cuda/CUDAFunctions.h>

#include <iostream>

#include "cases.h"

namespace {

int waits = 0;

class Counter : public c10::WarningHandler {
 public:
  void process(const c10::Warning& warning) override {
    if (warning.msg().find("synchroniz") != std::string::npos) ++waits;
  }
};

using lit::metric;
using torch::Tensor;

Tensor on(const Tensor& tensor) {
  return tensor.to(torch::kCUDA);
}

template <typename M>
int waits_of(M& one, const std::vector<Tensor>& inputs) {
  one.to(torch::Device(torch::kCUDA));
  const auto update = [&] {
    if (inputs.size() == 1) {
      one.update(inputs[0]);
    } else {
      one.update(inputs[0], inputs[1]);
    }
  };
  for (int i = 0; i < 3; ++i) update();
  torch::cuda::synchronize();
  waits = 0;
  c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_WARN);
  for (int i = 0; i < 30; ++i) update();
  c10::cuda::warning_state().set_sync_debug_mode(c10::cuda::SyncDebugMode::L_DISABLED);
  return waits;
}

}  // namespace

int main() {
  Counter counter;
  c10::WarningUtils::set_warning_handler(&counter);
  c10::WarningUtils::set_warnAlways(true);
  const Tensor scores = on(torch::randn({64, 10})), classes = on(torch::randint(10, {64}));
  const Tensor flat = on(torch::rand({64})), bits = on(torch::randint(2, {64}));
  const Tensor labels = on(torch::randint(2, {64, 10}));
  const std::vector<Tensor> several{scores, classes}, two{flat, bits}, many{scores, labels},
      numbers{flat, on(torch::rand({64}))},
      words{scores.reshape({8, 8, 10}), classes.reshape({8, 8})};
  int all = 0;
  const auto tell = [&](const std::string& name, lit::Metric& one,
                        const std::vector<Tensor>& inputs) {
    const int found = waits_of(one, inputs);
    all += found;
    std::cout << name << ": " << found << " waits in 30 updates\n";
  };
  const std::vector<std::tuple<std::string, std::shared_ptr<lit::Metric>, std::vector<Tensor>>>
      metrics{
          {"Accuracy, multiclass", metric<lit::Accuracy>({.task = "multiclass", .num_classes = 10}),
           several},
          {"Accuracy, macro, ignored",
           metric<lit::Accuracy>(
               {.task = "multiclass", .num_classes = 10, .average = "macro", .ignore_index = 3}),
           several},
          {"Accuracy, top 3",
           metric<lit::Accuracy>({.task = "multiclass", .num_classes = 10, .top_k = 3}), several},
          {"Recall, binary", metric<lit::Recall>({.task = "binary", .ignore_index = -1}), two},
          {"F1Score, multilabel",
           metric<lit::F1Score>({.task = "multilabel", .num_labels = 10, .average = "macro"}),
           many},
          {"ConfusionMatrix",
           metric<lit::ConfusionMatrix>({.task = "multiclass", .num_classes = 10}), several},
          {"CohenKappa", metric<lit::CohenKappa>({.task = "binary"}), two},
          {"AUROC, multiclass",
           metric<lit::AUROC>({.task = "multiclass", .num_classes = 10, .ignore_index = 3}),
           several},
          {"AUROC, thresholds",
           metric<lit::AUROC>({.task = "multiclass", .num_classes = 10, .thresholds = 100}),
           several},
          {"AveragePrecision, multilabel",
           metric<lit::AveragePrecision>({.task = "multilabel", .num_labels = 10}), many},
          {"CalibrationError",
           metric<lit::CalibrationError>({.task = "multiclass", .num_classes = 10}), several},
          {"MeanMetric", metric<lit::MeanMetric>(), numbers},
          {"SumMetric", metric<lit::SumMetric>(), {flat}},
          {"MaxMetric", metric<lit::MaxMetric>(), {flat}},
          {"RunningMean", metric<lit::RunningMean>(), {flat}},
          {"MeanSquaredError", metric<lit::MeanSquaredError>(), numbers},
          {"MeanAbsoluteError", metric<lit::MeanAbsoluteError>(), numbers},
          {"R2Score", metric<lit::R2Score>(), numbers},
          {"ExplainedVariance", metric<lit::ExplainedVariance>(), numbers},
          {"CosineSimilarity", metric<lit::CosineSimilarity>(), {scores, scores}},
          {"Perplexity", metric<lit::Perplexity>(), words}};
  for (const auto& [name, one, inputs] : metrics) tell(name, *one, inputs);
  lit::MetricCollection both(lit::MetricCollection::Named{
      {"accuracy",
       metric<lit::Accuracy>({.task = "multiclass", .num_classes = 10, .average = "macro"})},
      {"recall",
       metric<lit::Recall>({.task = "multiclass", .num_classes = 10, .average = "macro"})}});
  const int found = waits_of(both, several);
  std::cout << "MetricCollection: " << found << " waits in 30 updates\n";
  return all + found == 0 ? 0 : 1;
}
