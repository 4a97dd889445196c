// Is the best epoch better than the last? Measured over several seeds, with the best weights kept
// by value, and once by mistake: by alias.
#include <spdlog/fmt/fmt.h>

#include "config.h"
#include "config/program.h"
#include "data/permutation.h"
#include "datasets.h"
#include "device/device.h"
#include "device/threads.h"
#include "early_stopping.h"
#include "evaluate.h"
#include "models/classifier.h"
#include "seed.h"
#include "serialize/state_dict.h"
#include "terminal/format.h"
#include "terminal/table.h"
#include "train.h"

namespace {

constexpr int64_t kSeeds = 5;
constexpr int64_t kPictures = 2000;  // few enough to overfit within seconds

// Losses on the test set, with three sets of weights.
struct Outcome {
  int64_t best_epoch;
  double last, alias, best;
};

// region measure
Outcome measure(const DataSets& data, const torch::Device& device, const Config& config,
                course::ProgressBar& progress) {
  const Seeds seeds = make_seeds(config.seed);
  const Splits splits = split(data.train, config.validation, seeds.split);
  torch::manual_seed(seeds.weights);
  const std::shared_ptr<Classifier> model = create_model(config);
  model->to(device);
  const auto optimizer = make_optimizer(*model, config);
  EarlyStopping stopping(config.patience, config.min_delta);
  course::Dict alias, best;
  for (int64_t epoch = 1; epoch <= config.epochs; ++epoch) {  // to the end: to see what comes
    torch::manual_seed(course::mix_seed(seeds.dropout, epoch));
    const auto loader = make_epoch_loader(splits.train, config, seeds, epoch);
    train_one_epoch(*model, *loader, *optimizer, device, progress);
    const double loss = evaluate(*model, splits.validation, device, config.batch_size).loss();
    if (!stopping.observe(epoch, loss)) continue;
    // region alias
    alias = course::state_dict(*model);                           // the same tensors
    best = course::cloned(course::state_dict(*model)).as_dict();  // a copy of them
    // endregion
  }
  const auto test_loss_with = [&](const course::Dict& weights) {
    course::load_state_dict(*model, weights);
    return evaluate(*model, data.test, device, config.batch_size).loss();
  };
  const course::Dict last = course::cloned(course::state_dict(*model)).as_dict();
  return {stopping.best_epoch(), test_loss_with(last), test_loss_with(alias), test_loss_with(best)};
}
// endregion

// region compare
void compare(Config config) {
  course::set_up_threads(config.threads);
  DataSets data = load_data_sets(config.dataset, config.data_dir);
  const course::DeviceChoice device = course::choose_device(config.device);
  fmt::print("{}\n{}\n\n", course::describe(data.location), course::describe(device));
  const auto pictures = std::min<int64_t>(kPictures, *data.train.size());
  data.train = data.train.subset(torch::arange(pictures));
  make_deterministic();
  course::Table table({course::right("seed"), course::right("best epoch"), course::right("last"),
                       course::right("kept by alias"), course::right("kept by value")});
  int64_t better = 0;
  double gain = 0;
  for (int64_t i = 0; i < kSeeds; ++i, ++config.seed) {
    course::ProgressBar progress(fmt::format("seed {}", config.seed), 0, "pictures");
    const Outcome outcome = measure(data, device.device, config, progress);
    better += outcome.best < outcome.last ? 1 : 0;
    gain += (outcome.last - outcome.best) / outcome.last / kSeeds;
    table.row({std::to_string(config.seed), std::to_string(outcome.best_epoch),
               course::decimal(outcome.last, 4), course::decimal(outcome.alias, 4),
               course::decimal(outcome.best, 4)});
  }
  fmt::print("loss on the test set after {} epochs, with the weights of\n\n{}\n", config.epochs,
             table.text());
  fmt::print("the best beat the last in {} of {} runs; its loss was {} lower on average\n", better,
             kSeeds, course::percent(gain));
}
// endregion

void run(const CommandLine& command_line) {
  if (command_line.print_config) return fmt::print("{}", to_toml(command_line.config));
  compare(command_line.config);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(read_command_line(argc, argv)); });
}
