// A whole run, for ./course bench runs: the same job by several means. It prints one line of JSON:
//
//     bench_runs --model mlp --loop trainer --optimizer lit --epochs 2
//
// The twins in Python (benchmarks/python/runs.py) begin with the same weights and see the same
// batches.
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>
#include <sys/resource.h>
#include <torch/torch.h>

#include <chrono>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "config/flags.h"
#include "config/program.h"
#include "data/find.h"
#include "data/image_set.h"
#include "data/in_memory_loader.h"
#include "device/denormals.h"
#include "device/device.h"
#include "device/threads.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/progress_bar.h"
#include "lit/core/messages.h"
#include "lit/loggers/csv_logger.h"
#include "lit/loggers/tensorboard_logger.h"
#include "lit/optim/optimizers.h"
#include "lit/trainer.h"

namespace {

using torch::Tensor;
using torch::nn::Linear;
using torch::nn::ReLU;

struct Options {
  std::string model = "mlp";
  std::string loop = "bare";
  std::string optimizer = "torch";
  std::string loader = "memory";
  int64_t epochs = 2;
  bool flush = false;
  std::string device = "cpu";
  int64_t batch = 64;
  bool keep = false;
  std::string fused = "auto";
  int64_t threads = 0;
  std::string folder = "/tmp";
};

double now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double user_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec);
}

// What is measured, in the order in which it happens.
struct Outcome {
  double first_batch = 0;  // when it began, in seconds since 1970
  std::vector<double> losses, seconds, user;
  int64_t steps = 0;
};

// In braces: arguments in parentheses are made in an order that each compiler picks for itself, and
// with them the weights.
torch::nn::Sequential make_net(const std::string& model) {
  if (model == "linear") return torch::nn::Sequential{Linear(784, 10)};
  if (model == "mlp") {
    return torch::nn::Sequential{Linear(784, 512), ReLU(), Linear(512, 256), ReLU(),
                                 Linear(256, 10)};
  }
  if (model == "wide") {  // 25 million parameters
    return torch::nn::Sequential{Linear(784, 4096),  ReLU(), Linear(4096, 4096), ReLU(),
                                 Linear(4096, 1100), ReLU(), Linear(1100, 10)};
  }
  if (model == "cnn") {
    const auto convolution = [](int64_t in, int64_t out) {
      return torch::nn::Conv2d(torch::nn::Conv2dOptions(in, out, 3).padding(1));
    };
    const auto pool = [] { return torch::nn::MaxPool2d(2); };
    return torch::nn::Sequential{convolution(1, 32),     ReLU(), pool(),
                                 convolution(32, 64),    ReLU(), pool(),
                                 convolution(64, 128),   ReLU(), torch::nn::Flatten(),
                                 Linear(128 * 7 * 7, 10)};
  }
  return torch::nn::Sequential{Linear(784, 64), ReLU(), Linear(64, 3),
                               Linear(3, 64),   ReLU(), Linear(64, 784)};
}

Tensor loss_of(const std::string& model, torch::nn::Sequential& net, const Tensor& images,
               const Tensor& labels) {
  const Tensor inputs = model == "cnn" ? images : images.flatten(1);
  const Tensor outputs = net->forward(inputs);
  return model == "autoencoder" ? torch::mse_loss(outputs, inputs)
                                : torch::cross_entropy_loss(outputs, labels);
}

std::shared_ptr<torch::optim::Optimizer> make_optimizer(const Options& options,
                                                        std::vector<Tensor> parameters) {
  if (options.optimizer == "lit") {
    const auto adam = std::make_shared<lit::Adam>(std::move(parameters), 1e-3);
    if (options.fused != "auto") adam->fused(options.fused == "yes");
    return adam;
  }
  return std::make_shared<torch::optim::Adam>(std::move(parameters), 1e-3);
}

// The five lines of step04 around a loader of either kind; `batches` gives all of an epoch to
// `step`.
template <typename Batches>
Outcome by_hand(const Options& options, int64_t samples, Batches&& batches) {
  torch::manual_seed(0);
  torch::nn::Sequential net = make_net(options.model);
  const torch::Device device(options.device);
  net->to(device);
  const auto optimizer = make_optimizer(options, net->parameters());
  std::vector<Tensor> parameters = net->parameters();
  std::optional<course::FlushDenormals> flush;
  if (options.flush) flush.emplace();
  Outcome outcome;
  outcome.first_batch = now();
  for (int64_t epoch = 0; epoch < options.epochs; ++epoch) {
    const double start = now(), user = user_seconds();
    double sum = 0;
    Tensor there = torch::zeros({}, device);  // a number is asked for once, and not in every step
    outcome.steps = 0;
    batches(epoch, [&](const Tensor& images, const Tensor& labels) {
      const Tensor loss = loss_of(options.model, net, images, labels);
      for (Tensor& parameter : parameters) parameter.mutable_grad() = Tensor();
      loss.backward();
      optimizer->step();
      if (device.is_cpu()) {
        sum += loss.item<double>() * static_cast<double>(images.size(0));
      } else {
        there += loss.detach() * images.size(0);
      }
      ++outcome.steps;
    });
    if (!device.is_cpu()) sum = there.item<double>();
    outcome.seconds.push_back(now() - start);
    outcome.user.push_back(user_seconds() - user);
    outcome.losses.push_back(sum / static_cast<double>(samples));
  }
  return outcome;
}

// The set as libtorch's own DataLoader wants it.
struct Samples : torch::data::datasets::Dataset<Samples> {
  Tensor images, labels;
  torch::data::Example<> get(size_t index) override {
    const auto i = static_cast<int64_t>(index);
    return {images[i], labels[i]};
  }
  torch::optional<size_t> size() const override { return static_cast<size_t>(labels.size(0)); }
};

class LitNet : public lit::LightningModule {
 public:
  explicit LitNet(const Options& options) : options_(options) {
    net_ = register_module("net", make_net(options.model));
    save_hyperparameters({{"model", options.model}, {"optimizer", options.optimizer}});
  }
  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    const auto [images, labels] = batch.unpack<2>();
    const Tensor loss = loss_of(options_.model, net_, images, labels);
    log("train_loss", loss, {.prog_bar = true, .on_step = true, .on_epoch = true});
    return loss;
  }
  lit::Optimizers configure_optimizers() override { return make_optimizer(options_, parameters()); }

 private:
  const Options& options_;
  torch::nn::Sequential net_{nullptr};
};

// Times the epochs, with all that belongs to them: behind the checkpoint.
class Watch : public lit::Callback {
 public:
  bool is_checkpoint() const override { return true; }
  void on_train_start(lit::Trainer&, lit::LightningModule&) override {
    start_ = outcome.first_batch = now();
    user_ = user_seconds();
  }
  void on_train_epoch_end(lit::Trainer& trainer, lit::LightningModule&) override {
    const double end = now(), user = user_seconds();
    outcome.seconds.push_back(end - start_);
    outcome.user.push_back(user - user_);
    outcome.losses.push_back(trainer.callback_metrics().at("train_loss_epoch").value());
    outcome.steps = trainer.num_training_batches();
    start_ = end;
    user_ = user;
  }

  Outcome outcome;

 private:
  double start_ = 0, user_ = 0;
};

Outcome through_trainer(const Options& options, const course::InMemoryLoader& loader) {
  lit::set_message_handler(nullptr);
  torch::manual_seed(0);
  const auto module = std::make_shared<LitNet>(options);
  std::ofstream nowhere("/dev/null");
  course::ProgressOutput output = course::ProgressOutput::standard();
  output.stream = &nowhere;
  output.terminal = {.interactive = true, .width = 80};
  const auto watch = std::make_shared<Watch>();
  auto board = std::make_shared<lit::TensorBoardLogger>(
      lit::TensorBoardLoggerOptions{.save_dir = options.folder});
  auto table = std::make_shared<lit::CSVLogger>(
      lit::CSVLoggerOptions{.save_dir = options.folder, .version = board->version()});
  const torch::Device device(options.device);
  lit::Trainer trainer({.accelerator = device.is_cuda() ? "cuda" : "cpu",
                        .logger = {board, table},
                        .callbacks = {std::make_shared<lit::ProgressBar>(output),
                                      lit::callback<lit::ModelCheckpoint>(), watch},
                        .max_epochs = options.epochs,
                        .enable_model_summary = false,
                        .default_root_dir = options.folder,
                        .flush_denormal = options.flush});
  trainer.fit(module, loader);
  return watch->outcome;
}

template <typename Values>
std::string json(const Values& values) {
  return fmt::format("[{:.9g}]", fmt::join(values, ", "));
}

void run(const Options& options) {
  const course::ThreadChoice threads = course::set_up_threads(options.threads);
  const course::DataLocation location = course::find_data("");
  const course::ImageSet set = course::load_image_set(location, course::Split::train);
  const double decoded = now();
  const int64_t samples = set.labels.size(0);
  Outcome outcome;
  if (options.loader == "torch") {
    Samples dataset;
    dataset.images = set.images.unsqueeze(1).to(torch::kFloat32).div_(255);
    dataset.labels = set.labels;
    auto loader = torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
        dataset.map(torch::data::transforms::Stack<>()), static_cast<size_t>(options.batch));
    outcome = by_hand(options, samples, [&](int64_t, auto&& step) {
      for (auto& batch : *loader) {
        step(batch.data.to(options.device), batch.target.to(options.device));
      }
    });
  } else {
    const course::InMemoryLoader loader(set.images.unsqueeze(1), set.labels,
                                        {.batch_size = options.batch,
                                         .shuffle = true,
                                         .device = course::choose_device(options.device).device,
                                         .keep_on_device = options.keep ? 1.0 : 0.0,
                                         .to_float = course::ToFloat{}});
    if (options.loop == "trainer") {
      outcome = through_trainer(options, loader);
    } else {
      outcome = by_hand(options, samples, [&](int64_t epoch, auto&& step) {
        for (const auto& batch : loader.epoch(epoch)) step(batch.data, batch.target);
      });
    }
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  fmt::print(
      "{{\"losses\": {}, \"seconds\": {}, \"user\": {}, \"steps\": {}, \"decoded\": {:.6f}, "
      "\"first_batch\": {:.6f}, \"peak_kib\": {}, \"threads\": {}, \"samples\": {}}}\n",
      json(outcome.losses), json(outcome.seconds), json(outcome.user), outcome.steps, decoded,
      outcome.first_batch, usage.ru_maxrss, threads.threads, samples);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] {
    Options options;
    course::Flags flags("bench_runs", "One run, timed: ./course bench runs compares them.");
    flags.add("model", options.model, "linear, mlp, autoencoder, cnn or wide");
    flags.add("loop", options.loop, "bare or trainer");
    flags.add("optimizer", options.optimizer, "torch or lit");
    flags.add("loader", options.loader, "memory or torch");
    flags.add("device", options.device, "cpu or cuda");
    flags.add("batch", options.batch, "samples in one", course::at_least(1));
    flags.add("keep", options.keep, "keep the data on the device");
    flags.add("fused", options.fused, "lit::Adam's kernel: auto, yes or no");
    flags.add("epochs", options.epochs, "times through the training set", course::at_least(1));
    flags.add("threads", options.threads, "0: as the lessons choose", course::at_least(0));
    flags.add("flush", options.flush, "denormal numbers count as 0");
    flags.add("folder", options.folder, "for logs and checkpoints");
    flags.parse(argc, argv);
    run(options);
  });
}
