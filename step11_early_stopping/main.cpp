// The entry point: reads the config, and says what is done in which order.
#include <spdlog/spdlog.h>

#include <filesystem>

#include "checkpoint.h"
#include "config.h"
#include "config/program.h"
#include "datasets.h"
#include "device/device.h"
#include "device/threads.h"
#include "evaluate.h"
#include "logging.h"
#include "models/classifier.h"
#include "plot/curves.h"
#include "run/run_folder.h"
#include "seed.h"
#include "serialize/atomic_file.h"
#include "terminal/format.h"
#include "train.h"

namespace {

// region plot
// Both losses in one picture, on the console and in `folder`/loss.svg.
void plot_losses(const History& history, const std::filesystem::path& folder) {
  const course::Plot plot{
      .title = "loss",
      .x_label = "epoch",
      .curves = {{"train", history.epochs, history.train_loss},
                 {"validation", history.epochs, history.validation_loss}},
      .marks = {{static_cast<double>(history.best_epoch), "best"}},
  };
  course::write_text_atomically(folder / "loss.svg", course::svg_curves(plot));
  fmt::print("\n{}", course::draw_curves(plot));
}
// endregion

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
  if (!config.init.empty()) load_weights(config.init, *model);
  log_model(config.model, *model);

  model->to(device.device);  // before an optimizer is given the parameters
  MetricsFile metrics(folder,
                      {"train_loss", "val_loss", "val_accuracy", "test_loss", "test_accuracy"});
  const Splits splits = split(data.train, config.validation, seeds.split);
  spdlog::info("pictures: {} to learn from, {} held out", course::grouped(*splits.train.size()),
               course::grouped(*splits.validation.size()));
  spdlog::info("");
  const History history = train(*model, splits, device.device, config, seeds, metrics, folder);
  spdlog::info("{}", history.reason);
  plot_losses(history, folder);

  // Once, and with the weights of the best epoch.
  const Evaluation result = evaluate(*model, data.test, device.device, config.batch_size);
  spdlog::info("");
  spdlog::info("test loss {:.4f}, test accuracy {} on {} pictures", result.loss(),
               course::percent(result.accuracy(), 2), course::grouped(result.labels.size(0)));
  spdlog::info("fingerprint of the weights: {:016x}", fingerprint(*model));
  metrics.write(history.best_epoch,
                {{"test_loss", result.loss()}, {"test_accuracy", result.accuracy()}});
  fmt::print("\n");
  show_confusion(result, data.test.class_names());
  fmt::print("\nthe worst mistakes:\n\n");
  show_mistakes(result, data.test);
}
// endregion

// region run
void run(const CommandLine& command_line) {
  Config config = command_line.config;
  if (command_line.print_config) return fmt::print("{}", to_toml(config));
  // Before this run becomes the latest, runs/latest/model.pt means another one's.
  if (!config.init.empty()) config.init = std::filesystem::weakly_canonical(config.init).string();
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
