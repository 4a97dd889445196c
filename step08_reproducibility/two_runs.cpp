// Two runs of one config: equal to the last bit, until one source of randomness is left to chance.
#include <spdlog/fmt/fmt.h>

#include <functional>
#include <random>

#include "config.h"
#include "config/program.h"
#include "data/permutation.h"
#include "datasets.h"
#include "device/device.h"
#include "device/threads.h"
#include "models/classifier.h"
#include "seed.h"
#include "terminal/table.h"
#include "train.h"

namespace {

// region run
struct Setup {
  Config config;
  Seeds seeds;
};

// What a run leaves behind: the loss of each epoch, and its weights.
struct Outcome {
  std::vector<double> losses;
  uint64_t weights = 0;
};

Outcome run_once(const ImageDataset& dataset, const torch::Device& device, const Setup& setup,
                 course::ProgressBar& progress) {
  const auto& [config, seeds] = setup;
  course::set_up_threads(config.threads);
  torch::manual_seed(seeds.weights);
  const std::shared_ptr<Classifier> model = create_model(config);
  model->to(device);
  const auto optimizer = make_optimizer(*model, config);
  Outcome outcome;
  for (int64_t epoch = 1; epoch <= config.epochs; ++epoch) {
    torch::manual_seed(course::mix_seed(seeds.dropout, epoch));
    const auto loader = make_epoch_loader(dataset, config, seeds, epoch);
    outcome.losses.push_back(train_one_epoch(*model, *loader, *optimizer, device, progress));
  }
  outcome.weights = fingerprint(*model);
  return outcome;
}
// endregion

// region sources
uint64_t chance() {
  return std::random_device()();
}

// A change to the second of two runs; the first is always the same.
struct Source {
  std::string what;
  std::function<void(Setup&)> change;
};

const std::vector<Source> kSources{
    {"nothing", [](Setup&) {}},
    {"seed of the initial weights", [](Setup& setup) { setup.seeds.weights = chance(); }},
    {"seed of the shuffling", [](Setup& setup) { setup.seeds.shuffle = chance(); }},
    {"seed of the dropout", [](Setup& setup) { setup.seeds.dropout = chance(); }},
    {"seed of the flips", [](Setup& setup) { setup.seeds.flip = chance(); }},
    {"2 workers instead of none", [](Setup& setup) { setup.config.workers = 2; }},
    {"2 threads instead of one", [](Setup& setup) { setup.config.threads = 2; }},
};
// endregion

std::string first_difference(const Outcome& a, const Outcome& b) {
  for (size_t i = 0; i < a.losses.size(); ++i) {
    if (a.losses[i] != b.losses[i]) return fmt::format("epoch {}", i + 1);
  }
  return "none";
}

void compare_runs(Setup setup) {
  const DataSets data = load_data_sets(setup.config.dataset, setup.config.data_dir);
  const course::DeviceChoice device = course::choose_device(setup.config.device);
  fmt::print("{}\n{}\n\n", course::describe(data.location), course::describe(device));
  make_deterministic();
  course::Table table({course::left("changed in the second run"),
                       course::left("first loss that differs"), course::left("final weights")});
  for (const auto& [what, change] : kSources) {
    Setup changed = setup;
    change(changed);
    course::ProgressBar progress(what, 0, "pictures");  // leaves no line behind
    const Outcome a = run_once(data.train, device.device, setup, progress);
    const Outcome b = run_once(data.train, device.device, changed, progress);
    table.row({what, first_difference(a, b), a.weights == b.weights ? "equal" : "differ"});
  }
  fmt::print("{}", table.text());
  const std::string reason = course::why_no_cuda(course::find_accelerators());
  if (!reason.empty()) fmt::print("CUDA's kernels and cuDNN's choice: not tried, {}\n", reason);
}

// region sequential
// g++ makes the arguments of a call from right to left: the last layer draws its weights first.
void show_order_of_arguments() {
  using torch::nn::Linear;
  course::Table table({course::left("a network of three layers, made with the same seed"),
                       course::right("its first weight")});
  const auto show = [&](const std::string& name,
                        const std::function<torch::nn::Sequential()>& make) {
    torch::manual_seed(0);
    const auto net = make();
    table.row({name, fmt::format("{:.6f}", net->parameters()[0][0][0].item<double>())});
  };
  show("Sequential(Linear, ReLU, Linear)",
       [] { return torch::nn::Sequential(Linear(784, 128), torch::nn::ReLU(), Linear(128, 10)); });
  show("Sequential{Linear, ReLU, Linear}", [] {
    return torch::nn::Sequential{Linear(784, 128), torch::nn::ReLU(), Linear(128, 10)};
  });
  show("push_back, one line each", [] {
    torch::nn::Sequential net;
    net->push_back(Linear(784, 128));
    net->push_back(torch::nn::ReLU());
    net->push_back(Linear(128, 10));
    return net;
  });
  fmt::print("\n{}", table.text());
}
// endregion

void run(const CommandLine& command_line) {
  Config config = command_line.config;
  if (command_line.print_config) return fmt::print("{}", to_toml(config));
  config.epochs = std::min<int64_t>(config.epochs, 2);
  config.limit_train_batches = 30;
  config.flip = 0.5;
  config.threads = 1;
  compare_runs({config, make_seeds(config.seed)});
  show_order_of_arguments();
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(read_command_line(argc, argv)); });
}
