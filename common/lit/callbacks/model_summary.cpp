// ModelSummary: the parts of a module, and how many parameters each has.
#include "lit/callbacks/model_summary.h"

#include <spdlog/fmt/fmt.h>
#include <torch/nn/module.h>

#include <algorithm>
#include <array>

#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/parameters.h"
#include "terminal/table.h"

namespace lit {
namespace {

// 999, "1.5 K", "202 K", "2.0 M": as Lightning writes them.
std::string readable(int64_t number) {
  if (number < 1000) return std::to_string(number);
  static constexpr std::array kUnits{" K", " M", " B", " T"};
  double value = static_cast<double>(number) / 1000;
  size_t unit = 0;
  while (value >= 1000 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  if (value >= 100) return std::to_string(static_cast<int64_t>(value)) + kUnits[unit];
  return fmt::format("{:.1f}{}", value, kUnits[unit]);
}

struct Count {
  int64_t trainable = 0, frozen = 0, bytes = 0;
  int64_t all() const { return trainable + frozen; }
};

Count count(const std::vector<torch::Tensor>& parameters) {
  Count result;
  for (const torch::Tensor& parameter : parameters) {
    (parameter.requires_grad() ? result.trainable : result.frozen) += parameter.numel();
    result.bytes += static_cast<int64_t>(parameter.nbytes());
  }
  return result;
}

void add_rows(const torch::nn::Module& module, int64_t max_depth, course::Table& table) {
  const course::NamedModules parts =
      max_depth == 1 ? course::named_children(module)
                     : course::named_modules(module, "", /*include_self=*/false);
  int64_t index = 0;
  for (const auto& part : parts) {
    const std::string& name = part.key();
    if (max_depth > 0 && std::count(name.begin(), name.end(), '.') >= max_depth) continue;
    table.row({std::to_string(index++), name, class_name(*part.value()),
               readable(count(course::parameters(*part.value())).all()),
               part.value()->is_training() ? "train" : "eval"});
  }
}

// Those that are in no part of it.
int64_t count_others(const torch::nn::Module& module) {
  std::vector<torch::Tensor> inside;
  for (const auto& child : module.children()) {
    for (const torch::Tensor& parameter : child->parameters()) inside.push_back(parameter);
  }
  return count(course::parameters(module)).all() - count(course::each_once(inside)).all();
}

}  // namespace

std::string summarize(const torch::nn::Module& module, int64_t max_depth) {
  if (max_depth < -1) {
    throw Error(
        fmt::format("max_depth of a summary is {}, but must be at least -1, which is all "
                    "levels",
                    max_depth));
  }
  const Count total = count(course::parameters(module));
  std::string text;
  if (max_depth != 0) {
    course::Table table({course::right(""), course::left("Name"), course::left("Type"),
                         course::right("Params"), course::left("Mode")});
    add_rows(module, max_depth, table);
    const int64_t others = count_others(module);
    if (others > 0) table.row({"", "other params", "n/a", readable(others), "n/a"});
    text = table.rule().text();
  }
  int64_t training = 0, evaluating = 0;
  for (const auto& part : course::modules(module, /*include_self=*/false)) {
    ++(part->is_training() ? training : evaluating);
  }
  const auto line = [&](const std::string& number, const char* what) {
    text += fmt::format("{:<10}{}\n", number, what);
  };
  line(readable(total.trainable), "Trainable params");
  line(readable(total.frozen), "Non-trainable params");
  line(readable(total.all()), "Total params");
  line(fmt::format("{:.3f}", static_cast<double>(total.bytes) / 1e6),
       "Total estimated model params size (MB)");
  line(std::to_string(training), "Modules in train mode");
  line(std::to_string(evaluating), "Modules in eval mode");
  return text;
}

ModelSummary::ModelSummary(Options options) : options_(options) {
  if (options_.max_depth < -1) summarize(torch::nn::Module(), options_.max_depth);
}

void ModelSummary::on_fit_start(Trainer& trainer, LightningModule& module) {
  if (options_.max_depth == 0 || !trainer.strategy().is_global_zero()) return;
  fmt::print("{}\n", summarize(module, options_.max_depth));
}

}  // namespace lit
