// What grows with what, for ./course bench scale: one case of one size in a process of its own,
//
//     bench_scale "epochs" 1000 /tmp/folder
//
// as one line of JSON: seconds of the processor in the measured part, and MiB that it held at its
// peak on top of what was there before. Its twin in Python is python/scale.py.
#include <malloc.h>
#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/in_memory_loader.h"
#include "lit/callbacks/html_report.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/checkpoint.h"
#include "lit/core/messages.h"
#include "lit/loggers/csv_logger.h"
#include "lit/loggers/tensorboard_logger.h"
#include "lit/metrics/classification.h"
#include "lit/trainer.h"
#include "serialize/state_dict.h"
#include "serialize/torch_file.h"

namespace {

namespace fs = std::filesystem;
using torch::Tensor;

double user_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec);
}

// MiB of a line of /proc/self/status; 0 where there is none.
double held(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name + ":")) return std::stod(line.substr(name.size() + 1)) / 1024;
  }
  return 0;
}

struct Measured {
  double seconds = 0, mib = 0;
};

template <typename Work>
Measured measured(Work&& work) {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak is what there is now
  const double before = held("VmRSS"), start = user_seconds();
  work();
  return {user_seconds() - start, std::max(0.0, held("VmHWM") - before)};
}

// --- What is trained --------------------------------------------------------------------------

// One number to learn, `layers` times over.
class Model : public lit::LightningModule {
 public:
  explicit Model(int64_t layers = 1) {
    torch::nn::ModuleList list;
    for (int64_t i = 0; i < layers; ++i) list->push_back(torch::nn::Linear(1, 1));
    layers_ = register_module("layers", list);
    weights_ = parameters();
  }
  lit::StepOutput training_step(const lit::Batch& batch, int64_t batch_idx) override {
    Tensor loss = batch[0].mean() * weights_[0].sum();
    for (const Tensor& weight : weights_) loss = loss + weight.sum();
    if (on_step) on_step(*this, loss, batch_idx);
    return loss;
  }
  lit::StepOutput validation_step(const lit::Batch& batch, int64_t, int64_t) override {
    log("val_loss", batch[0].mean());
    return {};
  }
  lit::Batch predict_step(const lit::Batch& batch, int64_t, int64_t) override { return batch[0]; }
  lit::Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(weights_, 1e-6);
  }
  std::function<void(Model&, const Tensor& loss, int64_t batch_idx)> on_step;

 private:
  torch::nn::ModuleList layers_{nullptr};
  std::vector<Tensor> weights_;
};

class Nothing : public lit::Callback {};

class Numbers : public torch::data::Dataset<Numbers> {
 public:
  explicit Numbers(size_t size) : size_(size) {}
  torch::data::Example<> get(size_t) override { return {torch::zeros({1}), torch::zeros({1})}; }
  c10::optional<size_t> size() const override { return size_; }

 private:
  size_t size_;
};

auto torch_loader(int64_t samples) {
  using torch::data::samplers::SequentialSampler;
  return lit::loader(
      torch::data::make_data_loader<SequentialSampler>(
          Numbers(static_cast<size_t>(samples)).map(torch::data::transforms::Stack<>()), 1),
      samples);
}

course::InMemoryLoader batches(int64_t count, int64_t size = 1, bool shuffle = false) {
  const Tensor zeros = torch::zeros({count * size});
  return {zeros, zeros, {.batch_size = size, .shuffle = shuffle}};
}

lit::TrainerOptions quiet(int64_t epochs = 1) {
  lit::TrainerOptions options;
  options.accelerator = "cpu";
  options.logger = false;
  options.max_epochs = epochs;
  options.num_sanity_val_steps = 0;
  options.enable_checkpointing = options.enable_progress_bar = options.enable_model_summary = false;
  return options;
}

Measured fit(const lit::TrainerOptions& options, const lit::Loaders& train,
             const std::shared_ptr<Model>& model = std::make_shared<Model>()) {
  lit::Trainer trainer(options);
  return measured([&] { trainer.fit(model, train); });
}

// --- The axes ---------------------------------------------------------------------------------

// 16 MiB in so many tensors, or so many MiB in one.
course::Dict tensors(int64_t count, int64_t mib = 16) {
  course::Dict all;
  for (int64_t i = 0; i < count; ++i) {
    all.set(fmt::format("layers.{}.weight", i), torch::ones({(mib << 18) / count}));
  }
  return all;
}

class Holder : public torch::nn::Module {
 public:
  explicit Holder(const course::Dict& tensors) {
    torch::nn::ModuleList layers;
    for (const auto& [name, tensor] : tensors) {
      auto one = std::make_shared<torch::nn::Module>();
      one->register_parameter("weight", torch::empty_like(tensor.as_tensor()));
      layers->push_back(one);
    }
    register_module("layers", layers);
  }
};

Measured load(const course::Dict& state, const fs::path& file) {
  course::write_torch_file(file, state);
  Holder module(state);
  return measured(
      [&] { course::load_state_dict(module, course::read_torch_file(file).as_dict()); });
}

Measured keep_all(int64_t saves, const fs::path& folder, const std::string& monitor) {
  lit::TrainerOptions options = quiet(saves);
  options.enable_checkpointing = true;
  options.callbacks = {lit::callback<lit::ModelCheckpoint>(
      {.dirpath = folder / "kept", .monitor = monitor, .save_top_k = -1})};
  const auto model = std::make_shared<Model>();
  model->on_step = [](Model& self, const Tensor& loss, int64_t) { self.log("loss", loss); };
  return fit(options, batches(1), model);
}

Measured resume(int64_t layers, const fs::path& folder) {
  lit::TrainerOptions options = quiet(1);
  lit::Trainer first(options);
  first.fit(std::make_shared<Model>(layers), batches(1));
  first.save_checkpoint(folder / "run.ckpt");
  options.max_epochs = 2;
  lit::Trainer second(options);
  const auto model = std::make_shared<Model>(layers);
  return measured([&] { second.fit(model, batches(1), {}, {.ckpt_path = folder / "run.ckpt"}); });
}

Measured csv(int64_t rows, const fs::path& folder, bool new_columns) {
  lit::CSVLogger logger({.save_dir = folder, .flush_logs_every_n_steps = 1});
  return measured([&] {
    for (int64_t i = 0; i < rows; ++i) {
      logger.log_metrics({{new_columns ? fmt::format("value{}", i) : "value", 0.5}}, i);
    }
    logger.save();
  });
}

Measured late_column(int64_t rows, const fs::path& folder) {
  lit::CSVLogger logger({.save_dir = folder, .flush_logs_every_n_steps = 1'000});
  for (int64_t i = 0; i < rows; ++i) logger.log_metrics({{"loss_step", 0.123456789}}, i);
  logger.save();
  return measured([&] {
    logger.log_metrics({{"loss_epoch", 0.5}}, rows);
    logger.save();
  });
}

Measured logged(int64_t values, const fs::path& folder) {
  lit::TrainerOptions options = quiet();
  options.logger = std::make_shared<lit::CSVLogger>(lit::CSVLogger::Options{.save_dir = folder});
  options.log_every_n_steps = 1;
  const auto model = std::make_shared<Model>();
  std::vector<std::string> names;
  for (int64_t i = 0; i < values; ++i) names.push_back(fmt::format("value{}", i));
  model->on_step = [names](Model& self, const Tensor& loss, int64_t) {
    for (const std::string& name : names) {
      self.log(name, loss, {.on_step = true, .on_epoch = true});
    }
  };
  return fit(options, batches(10), model);
}

Measured forwards(int64_t count) {
  lit::AUROC auroc({.task = "binary"});
  const Tensor preds = torch::rand({8}), target = torch::arange(8) % 2;
  return measured([&] {
    for (int64_t i = 0; i < count; ++i) auroc.forward(preds, target);
  });
}

Measured html(int64_t epochs, const fs::path& folder) {
  lit::TrainerOptions options = quiet(epochs);
  options.enable_checkpointing = true;
  options.callbacks = {lit::callback<lit::HtmlReport>({.path = folder / "report.html"}),
                       lit::callback<lit::ModelCheckpoint>({.dirpath = folder / "kept"})};
  const auto model = std::make_shared<Model>();
  model->on_step = [](Model& self, const Tensor& loss, int64_t) {
    self.log("loss", loss, {.on_step = false, .on_epoch = true});
  };
  return fit(options, batches(1), model);
}

using Case = std::function<Measured(int64_t size, const fs::path& folder)>;

const std::map<std::string, Case> kAxes{
    {"steps of an epoch", [](int64_t n, const fs::path&) { return fit(quiet(), batches(n)); }},
    {"epochs", [](int64_t n, const fs::path&) { return fit(quiet(n), batches(1)); }},
    {"layers",
     [](int64_t n, const fs::path&) {
       return fit(quiet(), batches(2), std::make_shared<Model>(n));
     }},
    {"values logged in a step", logged},
    {"callbacks",
     [](int64_t n, const fs::path&) {
       lit::TrainerOptions options = quiet();
       for (int64_t i = 0; i < n; ++i) options.callbacks.push_back(std::make_shared<Nothing>());
       return measured([&] {
         lit::Trainer trainer(options);
         trainer.fit(std::make_shared<Model>(), batches(2));
       });
     }},
    {"samples in memory, shuffled",
     [](int64_t n, const fs::path&) { return fit(quiet(), batches(n / 1000, 1000, true)); }},
    {"samples that two batches leave",
     [](int64_t n, const fs::path&) {
       lit::TrainerOptions options = quiet(5);
       options.limit_train_batches = 2;
       return fit(options, torch_loader(n));
     }},
    {"samples that a sanity check leaves",
     [](int64_t n, const fs::path&) {
       lit::TrainerOptions options = quiet(1);
       options.num_sanity_val_steps = 2;
       options.limit_val_batches = 3;
       lit::Trainer trainer(options);
       return measured(
           [&] { trainer.fit(std::make_shared<Model>(), batches(1), torch_loader(n)); });
     }},
    {"batches that a resumed epoch has behind it",
     [](int64_t n, const fs::path&) {
       const auto before = torch_loader(n + 1), after = torch_loader(n + 1);
       before->begin_epoch(0);
       course::Dict state = before->state_dict();
       state.set("position", n);
       return measured([&] { after->load_state_dict(state); });
     }},
    {"validation loaders",
     [](int64_t n, const fs::path&) {
       std::vector<std::shared_ptr<lit::Loader>> loaders;
       for (int64_t i = 0; i < n; ++i) loaders.push_back(lit::loader(batches(1)));
       lit::Trainer trainer(quiet());
       return measured([&] { trainer.fit(std::make_shared<Model>(), batches(1), loaders); });
     }},
    {"predictions",
     [](int64_t n, const fs::path&) {
       lit::Trainer trainer(quiet());
       return measured([&] { trainer.predict(std::make_shared<Model>(), batches(n)); });
     }},
    {"tensors of 16 MiB, saved",
     [](int64_t n, const fs::path& folder) {
       const course::Dict all = tensors(n);
       return measured([&] { course::write_torch_file(folder / "weights.pt", all); });
     }},
    {"tensors of 16 MiB, loaded",
     [](int64_t n, const fs::path& folder) { return load(tensors(n), folder / "weights.pt"); }},
    {"MiB of one tensor, saved",
     [](int64_t n, const fs::path& folder) {
       const course::Dict all = tensors(1, n);
       return measured([&] { course::write_torch_file(folder / "weights.pt", all); });
     }},
    {"MiB of eight views, saved",
     [](int64_t n, const fs::path& folder) {
       const Tensor all = torch::ones({16, n << 14});
       course::Dict views;
       for (int64_t i = 0; i < 8; ++i) views.set(std::to_string(i), all.t().narrow(1, 2 * i, 2));
       return measured([&] { course::write_torch_file(folder / "views.pt", views); });
     }},
    {"MiB of one tensor, loaded",
     [](int64_t n, const fs::path& folder) { return load(tensors(1, n), folder / "weights.pt"); }},
    {"layers of a run that goes on", resume},
    {"checkpoints that are all kept",
     [](int64_t n, const fs::path& folder) { return keep_all(n, folder, ""); }},
    {"the same with a monitor",
     [](int64_t n, const fs::path& folder) { return keep_all(n, folder, "loss"); }},
    {"epochs with a report and a checkpoint each", html},
    {"rows of a CSV file", [](int64_t n, const fs::path& folder) { return csv(n, folder, false); }},
    {"rows before a late column of a CSV file", late_column},
    {"columns of a CSV file, each new",
     [](int64_t n, const fs::path& folder) { return csv(n, folder, true); }},
    {"scalars for TensorBoard",
     [](int64_t n, const fs::path& folder) {
       lit::TensorBoardLogger logger({.save_dir = folder});
       return measured([&] {
         for (int64_t i = 0; i < n; ++i) logger.log_metrics({{"value", 0.5}}, i);
         logger.save();
       });
     }},
    {"batches before a forward of AUROC", [](int64_t n, const fs::path&) { return forwards(n); }},
};

}  // namespace

int main(int count, char** words) {
  const auto axis = count == 4 ? kAxes.find(words[1]) : kAxes.end();
  if (axis == kAxes.end()) {
    std::cerr << "usage: bench_scale AXIS SIZE FOLDER; the axes are:\n";
    for (const auto& [name, run] : kAxes) std::cerr << "  " << name << "\n";
    return 2;
  }
  torch::set_num_threads(1);
  lit::set_message_handler(nullptr);
  const Measured found = axis->second(std::stoll(words[2]), words[3]);
  std::cout << fmt::format("{{\"seconds\": {:.4f}, \"mib\": {:.1f}}}\n", found.seconds, found.mib);
}
