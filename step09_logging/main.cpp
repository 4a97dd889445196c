// The entry point: reads the config, and says what is done in which order.
#include <spdlog/spdlog.h>

#include <filesystem>

#include "config.h"
#include "config/program.h"
#include "datasets.h"
#include "device/device.h"
#include "device/threads.h"
#include "evaluate.h"
#include "logging.h"
#include "models/classifier.h"
#include "run/run_folder.h"
#include "seed.h"
#include "terminal/format.h"
#include "train.h"

namespace {

// region train_and_test
void train_and_test(Config config, const std::filesystem::path& folder) {
  const course::ThreadChoice threads = course::set_up_threads(config.threads);
  DataSets data = load_data_sets(config.dataset, config.data_dir);
  const course::DeviceChoice device = course::choose_device(config.device);
  // What was "auto" is written down as it came out, so that the file means the same tomorrow.
  config.threads = threads.threads;
  config.data_dir = std::filesystem::absolute(data.location.folder).string();
  config.device = device.device.str();
  save_config(folder, config);

  spdlog::info("run: {}", folder.string());
  spdlog::info("{}", course::describe(data.location));
  spdlog::info("{}, threads: {} ({})", course::describe(device), threads.threads, threads.reason);
  log_environment();
  spdlog::debug("config:\n{}", to_toml(config));
  const Seeds seeds = make_seeds(config.seed);
  make_deterministic();
  torch::manual_seed(seeds.weights);
  const std::shared_ptr<Classifier> model = create_model(config);
  log_model(config.model, *model);
  spdlog::info("");

  model->to(device.device);  // before an optimizer is given the parameters
  MetricsFile metrics(folder, {"train_loss", "test_loss", "test_accuracy"});
  train(*model, data.train, device.device, config, seeds, metrics);
  const Evaluation result = evaluate(*model, data.test, device.device, config.batch_size);
  spdlog::info("");
  spdlog::info("test loss {:.4f}, test accuracy {} on {} pictures", result.loss(),
               course::percent(result.accuracy(), 2), course::grouped(result.labels.size(0)));
  spdlog::info("fingerprint of the weights: {:016x}", fingerprint(*model));
  metrics.write(config.epochs,
                {{"test_loss", result.loss()}, {"test_accuracy", result.accuracy()}});
  fmt::print("\n");
  show_confusion(result, data.test.class_names());
  fmt::print("\nthe worst mistakes:\n\n");
  show_mistakes(result, data.test);
}
// endregion

// region run
void run(const CommandLine& command_line) {
  const Config& config = command_line.config;
  if (command_line.print_config) return fmt::print("{}", to_toml(config));
  const auto level = console_level(config);
  const auto folder = course::make_run_folder(course::runs_folder(config.run_dir));
  start_logging(folder, level);
  try {
    train_and_test(config, folder);
  } catch (const std::exception& error) {
    spdlog::error("ended early: {}", error.what());
    throw;
  }
}
// endregion

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(read_command_line(argc, argv)); });
}
