// What an update of a metric costs, for ./course bench metrics: microseconds as one line of JSON,
// of the same updates as python/metrics.py's.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "lit/metrics/classification.h"

namespace {

using Clock = std::chrono::steady_clock;

// The least of seven means: what the machine does besides makes it only longer.
double microseconds(lit::Metric& metric, const torch::Tensor& preds, const torch::Tensor& target) {
  double least = 1e30;
  for (int round = 0; round < 7; ++round) {
    int updates = 0;
    metric.reset();
    const Clock::time_point start = Clock::now();
    Clock::duration spent{};
    while (spent < std::chrono::milliseconds(60)) {
      for (int i = 0; i < 5; ++i, ++updates) metric.update(preds, target);
      spent = Clock::now() - start;
    }
    const double each = std::chrono::duration<double, std::micro>(spent).count() / updates;
    if (round > 0) least = std::min(least, each);
  }
  return least;
}

}  // namespace

int main() {
  torch::manual_seed(0);
  std::string line;
  for (const int64_t batch : {64, 4096}) {
    for (const int64_t classes : {10, 1000}) {
      const torch::Tensor preds = torch::randn({batch, classes});
      const torch::Tensor target = torch::randint(classes, {batch}, torch::kInt64);
      const std::vector<std::pair<std::string, std::shared_ptr<lit::Metric>>> metrics{
          {"Accuracy", lit::metric<lit::Accuracy>({.task = "multiclass", .num_classes = classes})},
          {"ConfusionMatrix",
           lit::metric<lit::ConfusionMatrix>({.task = "multiclass", .num_classes = classes})},
          {"AUROC", lit::metric<lit::AUROC>({.task = "multiclass", .num_classes = classes})}};
      for (const auto& [name, metric] : metrics) {
        line += fmt::format("{}\"{}, batch {}, {} classes\": {:.3f}", line.empty() ? "" : ", ",
                            name, batch, classes, microseconds(*metric, preds, target));
      }
    }
  }
  std::cout << "{" << line << "}\n";
}
