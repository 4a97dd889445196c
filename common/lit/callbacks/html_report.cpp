// HtmlReport: a run as one page.
#include "lit/callbacks/html_report.h"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <ctime>

#include "device/machine.h"
#include "lit/core/clock.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/metrics/classification.h"
#include "lit/trainer/trainer.h"
#include "plot/curves.h"
#include "plot/markup.h"
#include "plot/png.h"
#include "serialize/atomic_file.h"
#include "serialize/checked.h"
#include "serialize/python_text.h"
#include "terminal/format.h"

namespace lit {
namespace {

constexpr size_t kMostPoints = 2'000;  // of a curve: more than a page is wide

// Of "loss_step", "loss_epoch" and "loss", which is the epoch's, the last.
std::map<std::string, double> epoch_metrics(Trainer& trainer) {
  const LoggedMetrics& all = trainer.callback_metrics();
  std::map<std::string, double> metrics;
  for (const auto& [name, value] : all) {
    const size_t mark = name.rfind('_');
    const std::string suffix = mark == std::string::npos ? "" : name.substr(mark);
    const bool twice =
        (suffix == "_step" || suffix == "_epoch") && all.contains(name.substr(0, mark));
    if (!twice && suffix != "_step") metrics.emplace(name, value.value());
  }
  return metrics;
}

// Half of the points: of each four neighbours the lowest and the highest, so that no peak is lost.
void thin(std::vector<std::pair<int64_t, double>>& points) {
  std::vector<std::pair<int64_t, double>> kept;
  const auto lower = [](const auto& a, const auto& b) { return a.second < b.second; };
  for (auto begin = points.begin(); begin != points.end();) {
    const auto end = begin + std::min<std::ptrdiff_t>(4, points.end() - begin);
    auto [low, high] = std::minmax_element(begin, end, lower);
    if (high < low) std::swap(low, high);
    kept.push_back(*low);
    if (high != low) kept.push_back(*high);
    begin = end;
  }
  points = std::move(kept);
}

}  // namespace

HtmlReport::HtmlReport(Options options) : options_(std::move(options)) {
  if (options_.max_samples < 0) {
    throw Error(fmt::format("max_samples of HtmlReport is {}, but must be at least 0",
                            options_.max_samples));
  }
}

// Each curve as a [N, 2] tensor of epochs and values: a list of lists takes a hundred times as long
// to write.
course::Dict HtmlReport::state_dict() const {
  course::Dict curves;
  for (const auto& [name, points] : curves_) {
    torch::Tensor table = torch::empty({static_cast<int64_t>(points.size()), 2}, torch::kFloat64);
    auto* row = table.data_ptr<double>();
    for (const auto& [epoch, value] : points) {
      *row++ = static_cast<double>(epoch);
      *row++ = value;
    }
    curves.set(name, table);
  }
  return {{"curves", curves}, {"seconds", seconds_}};
}

void HtmlReport::load_state_dict(const course::Dict& state) {
  curves_.clear();
  for (const auto& [key, kept] : course::dict(state, "curves")) {
    const std::string name = "curves." + course::text(key, "a key of curves");
    auto& points = curves_[key.as_string()];
    if (kept.is<course::List>()) {  // version 0.1's
      for (const course::Value& point : kept.as_list()) {
        const course::List& pair = course::list(point, name);
        if (pair.size() != 2) throw Error("a point of HtmlReport's curves has not two numbers");
        points.emplace_back(course::whole(pair[0], name),
                            course::number(pair[1], name, course::kAnyNumber));
      }
      continue;
    }
    const bool is_table = kept.is<torch::Tensor>() && kept.as_tensor().dim() == 2 &&
                          kept.as_tensor().size(1) == 2 && kept.as_tensor().is_floating_point();
    if (!is_table) {
      with_own_errors([&, &kept = kept] {
        course::refuse_value(kept, name, "a tensor [N, 2] of floating-point numbers");
      });
    }
    const torch::Tensor table = kept.as_tensor().to(torch::kCPU, torch::kFloat64).contiguous();
    const auto* row = table.data_ptr<double>();
    for (int64_t i = 0; i < table.size(0); ++i, row += 2) {
      // It was a whole number once.
      const double epoch = course::number(row[0], name + ": an epoch", course::kCount);
      points.emplace_back(static_cast<int64_t>(epoch), row[1]);
    }
  }
  seconds_ = course::number(state, "seconds", course::kSeconds);
}

void HtmlReport::setup(Trainer&, LightningModule&, const std::string& stage) {
  if (stage == "test") {
    samples_.clear();
    confusion_ = torch::Tensor();
  }
  tested_ = tested_ && stage != "fit";
  started_ = steady_seconds();
  outcome_ = "";
}

void HtmlReport::on_train_epoch_end(Trainer& trainer, LightningModule&) {
  for (const auto& [name, value] : epoch_metrics(trainer)) {
    auto& points = curves_[name];
    if (!points.empty() && points.back().first == trainer.current_epoch()) points.pop_back();
    points.emplace_back(trainer.current_epoch(), value);
    if (points.size() > kMostPoints) thin(points);
  }
}

void HtmlReport::on_validation_batch_end(Trainer& trainer, LightningModule&,
                                         const StepOutput& outputs, const Batch& batch,
                                         int64_t batch_idx, int64_t dataloader_idx) {
  if (!tested_) keep_samples(trainer, outputs, batch, batch_idx, dataloader_idx);
}

void HtmlReport::on_test_batch_end(Trainer& trainer, LightningModule&, const StepOutput& outputs,
                                   const Batch& batch, int64_t batch_idx, int64_t dataloader_idx) {
  keep_samples(trainer, outputs, batch, batch_idx, dataloader_idx);
}

void HtmlReport::keep_samples(const Trainer& trainer, const StepOutput& outputs, const Batch& batch,
                              int64_t batch_idx, int64_t dataloader_idx) {
  if (batch_idx != 0 || dataloader_idx != 0 || trainer.sanity_checking() || batch.empty()) return;
  const torch::Tensor& images = batch[0];
  const bool pictures =
      images.dim() == 3 || (images.dim() == 4 && (images.size(1) == 1 || images.size(1) == 3));
  if (!pictures) return;
  const int64_t n = std::min(options_.max_samples, images.size(0));
  const auto classes = [&](const torch::Tensor& given) {
    torch::Tensor found = given.detach();
    if (found.dim() == 2) found = found.argmax(1);
    const bool fits = found.dim() == 1 && found.size(0) == images.size(0);
    return fits ? found.to(torch::kCPU, torch::kInt64) : torch::Tensor();
  };
  torch::Tensor labels, preds;
  if (batch.size() > 1) labels = classes(batch[1]);
  for (const auto& [name, tensor] : outputs.outputs) {
    if (name == "preds") preds = classes(tensor);
  }
  torch::Tensor shown = images.narrow(0, 0, n).detach().to(torch::kCPU);
  if (shown.scalar_type() != torch::kUInt8) {
    shown = shown.to(torch::kFloat32);
    const double least = shown.numel() == 0 ? 0 : shown.min().item<double>();
    const double most = shown.numel() == 0 ? 1 : shown.max().item<double>();
    // Normalised pictures are shown from their darkest to their brightest value.
    if (least < 0 || most > 1) shown = (shown - least) / std::max(most - least, 1e-12);
  }
  samples_.clear();
  for (int64_t i = 0; i < n; ++i) {
    samples_.push_back({shown[i].clone(), labels.defined() ? labels[i].item<int64_t>() : -1,
                        preds.defined() ? preds[i].item<int64_t>() : -1});
  }
}

void HtmlReport::on_validation_epoch_end(Trainer& trainer, LightningModule& module) {
  if (!tested_) keep_evaluation(trainer, module);
}

void HtmlReport::on_test_epoch_end(Trainer& trainer, LightningModule& module) {
  keep_evaluation(trainer, module);
  tested_ = true;
}

// Before the module's own hook, which resets its metrics.
void HtmlReport::keep_evaluation(Trainer& trainer, const LightningModule& module) {
  if (trainer.sanity_checking()) return;
  for (const auto& part : module.modules()) {
    auto matrix = std::dynamic_pointer_cast<ConfusionMatrix>(part);
    if (matrix == nullptr || !matrix->update_called()) continue;
    confusion_ = matrix->compute().to(torch::kCPU, torch::kFloat64);
    return;
  }
}

void HtmlReport::teardown(Trainer& trainer, LightningModule& module, const std::string& stage) {
  outcome_ = stage == "fit" ? "finished" : "";
  write(trainer, module);
}

void HtmlReport::on_exception(Trainer& trainer, LightningModule& module,
                              const std::exception& error) {
  outcome_ = std::string("ended by an error: ") + error.what();
  outcome_ = outcome_.substr(0, outcome_.find('\n'));
  try {
    write(trainer, module);
  } catch (const Error& second) {  // the first one is what ends the run
    warn(second.what());
  }
}

// A run that is to resume, and has trained nothing yet, leaves the page alone.
void HtmlReport::write(Trainer& trainer, LightningModule& module) {
  const bool fits = trainer.state().fn == TrainerState::Fn::fit;
  const bool is_at_its_start = fits && !trainer.has_trained() && !trainer.ckpt_path().empty();
  if (trainer.fast_dev_run() || is_at_its_start) return;
  for (const auto& [name, value] : epoch_metrics(trainer)) results_.insert_or_assign(name, value);
  if (fits) {
    seconds_ += steady_seconds() - started_;
    started_ = steady_seconds();
  }
  const std::filesystem::path path =
      options_.path.empty() ? trainer.log_dir() / "report.html" : options_.path;
  if (path.has_parent_path()) {
    std::error_code failed;  // which the writing finds, too
    std::filesystem::create_directories(path.parent_path(), failed);
  }
  with_own_errors([&] { course::write_text_atomically(path, page(trainer, module)); });
}

std::string HtmlReport::class_name_of(int64_t index) const {
  const auto at = static_cast<size_t>(index);
  return at < options_.class_names.size() ? options_.class_names[at] : std::to_string(index);
}

}  // namespace lit
