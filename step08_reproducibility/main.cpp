// The entry point: reads the config, and says what is done in which order.
#include <spdlog/fmt/fmt.h>

#include "config.h"
#include "config/program.h"
#include "datasets.h"
#include "device/device.h"
#include "device/threads.h"
#include "evaluate.h"
#include "models/classifier.h"
#include "seed.h"
#include "terminal/format.h"
#include "train.h"

namespace {

// region run
void run(const CommandLine& command_line) {
  const Config& config = command_line.config;
  if (command_line.print_config) return fmt::print("{}", to_toml(config));
  course::set_up_threads(config.threads);
  DataSets data = load_data_sets(config.dataset, config.data_dir);
  const course::DeviceChoice device = course::choose_device(config.device);
  const Seeds seeds = make_seeds(config.seed);
  make_deterministic();
  torch::manual_seed(seeds.weights);
  const std::shared_ptr<Classifier> model = create_model(config);
  fmt::print("{}\n{}\n", course::describe(data.location), course::describe(device));
  fmt::print("seed: {}\n\n", config.seed);

  model->to(device.device);  // before an optimizer is given the parameters
  train(*model, data.train, device.device, config, seeds);
  const Evaluation result = evaluate(*model, data.test, device.device, config.batch_size);
  fmt::print("\ntest loss {:.4f}, test accuracy {} on {} pictures\n", result.loss(),
             course::percent(result.accuracy(), 2), course::grouped(result.labels.size(0)));
  fmt::print("fingerprint of the weights: {:016x}\n\n", fingerprint(*model));
  show_confusion(result, data.test.class_names());
  fmt::print("\nthe worst mistakes:\n\n");
  show_mistakes(result, data.test);
}
// endregion

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(read_command_line(argc, argv)); });
}
