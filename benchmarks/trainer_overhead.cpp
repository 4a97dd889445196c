// What the Trainer costs: the same job by a loop by hand and through the Trainer, measured in turn.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "config/flags.h"
#include "config/program.h"
#include "data/in_memory_loader.h"
#include "device/denormals.h"
#include "lit/callbacks/progress_bar.h"
#include "lit/core/messages.h"
#include "lit/trainer.h"
#include "serialize/atomic_file.h"
#include "terminal/table.h"

namespace {

struct Options {
  std::string model = "linear";
  int64_t rounds = 15;
  int64_t batches = 500;
  std::string json = "";
};

struct Outcome {
  double microseconds;  // for each step
  double loss;          // mean of the epoch
};

using Clock = std::chrono::steady_clock;

double microseconds(Clock::duration time, int64_t steps) {
  return std::chrono::duration<double, std::micro>(time).count() / static_cast<double>(steps);
}

// In braces: arguments in parentheses are made in an order that each compiler picks for itself.
torch::nn::Sequential make_net(const std::string& model) {
  using torch::nn::Linear;
  using torch::nn::ReLU;
  if (model == "linear") return torch::nn::Sequential{Linear(784, 10)};
  return torch::nn::Sequential{Linear(784, 512), ReLU(), Linear(512, 256), ReLU(), Linear(256, 10)};
}

// The loop of step04, with the epoch's mean loss summed where it is.
Outcome by_hand(const std::string& model, const course::InMemoryLoader& loader) {
  torch::manual_seed(0);
  torch::nn::Sequential net = make_net(model);
  torch::nn::CrossEntropyLoss criterion;
  torch::optim::Adam optimizer(net->parameters(), 1e-3);
  std::vector<torch::Tensor> parameters = net->parameters();
  torch::Tensor sum = torch::zeros({});
  const course::FlushDenormals flush;  // as the Trainer does
  const auto start = Clock::now();
  for (const auto& batch : loader.epoch(0)) {
    const torch::Tensor loss = criterion(net->forward(batch.data), batch.target);
    for (torch::Tensor& parameter : parameters) parameter.mutable_grad() = torch::Tensor();
    loss.backward();
    optimizer.step();
    sum += loss.detach() * batch.data.size(0);
  }
  const double loss = sum.item<double>() / static_cast<double>(loader.samples());
  return {microseconds(Clock::now() - start, loader.batches()), loss};
}

class LitNet : public lit::LightningModule {
 public:
  explicit LitNet(const std::string& model) { net_ = register_module("net", make_net(model)); }
  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    const auto [images, labels] = batch.unpack<2>();
    const torch::Tensor loss = criterion_(net_->forward(images), labels);
    log("train_loss", loss, {.prog_bar = true, .on_step = true, .on_epoch = true});
    return loss;
  }
  lit::Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::Adam>(parameters(), 1e-3);
  }
  void on_train_start() override { start_ = Clock::now(); }
  void on_train_end() override { time = Clock::now() - start_; }

  Clock::duration time{};

 private:
  torch::nn::Sequential net_{nullptr};
  torch::nn::CrossEntropyLoss criterion_;
  Clock::time_point start_;
};

Outcome through_trainer(const std::string& model, const course::InMemoryLoader& loader,
                        std::ostream& nowhere, const std::string& profiler) {
  torch::manual_seed(0);
  const auto module = std::make_shared<LitNet>(model);
  course::ProgressOutput output = course::ProgressOutput::standard();
  output.stream = &nowhere;
  output.terminal = {.interactive = true, .width = 80};
  lit::Trainer trainer({.accelerator = "cpu",
                        .callbacks = {std::make_shared<lit::ProgressBar>(output)},
                        .max_epochs = 1,
                        .enable_checkpointing = false,
                        .enable_model_summary = false,
                        .profiler = profiler,
                        .default_root_dir = std::filesystem::temp_directory_path() / "bench"});
  trainer.fit(module, loader);
  return {microseconds(module->time, loader.batches()),
          trainer.callback_metrics().at("train_loss_epoch").value()};
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<long>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

void measure(const Options& options) {
  lit::set_message_handler(nullptr);
  std::ofstream nowhere("/dev/null");
  torch::manual_seed(1);
  const int64_t n = 64 * options.batches;
  const course::InMemoryLoader loader(torch::rand({n, 784}), torch::randint(10, {n}),
                                      {.batch_size = 64, .shuffle = true});
  std::vector<double> hand, trainer, profiled, difference;
  for (int64_t round = -1; round < options.rounds; ++round) {
    // In turn, and each first in every second round: what else the machine does hits both.
    Outcome a{}, b{};
    if (round % 2 == 0) a = by_hand(options.model, loader);
    b = through_trainer(options.model, loader, nowhere, "");
    if (round % 2 != 0) a = by_hand(options.model, loader);
    const Outcome c = through_trainer(options.model, loader, nowhere, "simple");
    if (a.loss != b.loss || a.loss != c.loss) {
      throw course::Error(
          fmt::format("not the same work: a loss of {} by hand, of {} through the "
                      "Trainer",
                      a.loss, b.loss));
    }
    if (round < 0) continue;  // warming up
    hand.push_back(a.microseconds);
    trainer.push_back(b.microseconds);
    profiled.push_back(c.microseconds);
    difference.push_back(b.microseconds - a.microseconds);
  }
  fmt::print("{}, Adam, batches of 64, {} steps, median of {} rounds, {} thread(s)\n\n",
             options.model, options.batches, options.rounds, at::get_num_threads());
  course::Table table({course::left(""), course::right("us per step"), course::right("ratio")});
  table.row({"loop by hand", fmt::format("{:.1f}", median(hand)), "1.000"});
  table.row({"Trainer, log(), progress bar, TensorBoard", fmt::format("{:.1f}", median(trainer)),
             fmt::format("{:.3f}", median(trainer) / median(hand))});
  table.row({"the same, profiler = \"simple\"", fmt::format("{:.1f}", median(profiled)),
             fmt::format("{:.3f}", median(profiled) / median(hand))});
  table.row(
      {"what the Trainer costs, pair by pair", fmt::format("{:.1f}", median(difference)), ""});
  fmt::print("{}", table.text());
  if (options.json.empty()) return;
  course::write_text_atomically(
      options.json,
      fmt::format("{{\"hand\": {}, \"trainer\": {}, \"profiled\": {}, \"difference\": {}, "
                  "\"threads\": {}}}\n",
                  median(hand), median(trainer), median(profiled), median(difference),
                  at::get_num_threads()));
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] {
    Options options;
    course::Flags flags("bench_trainer_overhead", "Measures what the Trainer costs for each step.");
    flags.add("model", options.model, "linear or mlp");
    flags.add("rounds", options.rounds, "pairs to measure", course::at_least(1));
    flags.add("batches", options.batches, "steps in a round", course::at_least(1));
    flags.add("json", options.json, "a file for the medians");
    flags.parse(argc, argv);
    measure(options);
  });
}
