// Trains the classifier: makes the parts, and hands them to a Trainer. There is no loop in here.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "callbacks/history.h"
#include "callbacks/late_stopping.h"
#include "config.h"
#include "config/program.h"
#include "error.h"
#include "fashion_mnist_data_module.h"
#include "lit/callbacks/learning_rate_monitor.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/trainer.h"
#include "lit_classifier.h"
#include "plot/curves.h"
#include "run.h"
#include "seed.h"
#include "serialize/atomic_file.h"
#include "terminal/format.h"

namespace {

namespace fs = std::filesystem;

const ProgramInfo kProgram{
    .name = "step12_train",
    .summary = "Train a classifier, then test it with the best of its weights.",
    .base = "train",
    .flag = "resume",
    .takes = "RUN",
    .help = "folder of a run that goes on where it stopped"};

// region closing_screen
// What one wants to know when one comes back: how good it is, where it is kept, how it went.
void show_outcome(const std::vector<lit::Scores>& scores, const std::vector<course::Curve>& curves,
                  const fs::path& folder) {
  const course::Curve& watched = curves[1];
  const auto best = std::min_element(watched.y.begin(), watched.y.end()) - watched.y.begin();
  const double epoch = watched.x[static_cast<size_t>(best)];
  const course::Plot plot{
      .title = "loss", .x_label = "epoch", .curves = curves, .marks = {{epoch, "best"}}};
  course::write_text_atomically(folder / "loss.svg", course::svg_curves(plot));
  fmt::print("\n{}\n", course::draw_curves(plot));
  if (scores.empty()) {
    fmt::print("nothing was tested: trainer.limit_test_batches is 0\n");
  } else {
    fmt::print("test accuracy {}, test loss {:.4f}, with the weights of epoch {}\n",
               course::percent(scores[0].at("test_acc"), 2), scores[0].at("test_loss"), epoch);
  }
  fmt::print("kept in {}: config.toml, checkpoints, csv, tensorboard, loss.svg\n", folder.string());
}
// endregion

// region non_finite
// Weights that have run away are worth no test.
void refuse_non_finite(const lit::EarlyStopping& stopping) {
  if (stopping.stopping_reason() != lit::EarlyStopping::Reason::non_finite) return;
  throw course::Error(
      fmt::format("training has diverged: {} is no finite number any more in epoch {}; train again "
                  "with a smaller optimizer.lr, or with a trainer.gradient_clip_val of 1",
                  stopping.options().monitor, stopping.stopped_epoch()));
}
// endregion

// region train
void train(const Config& config, const std::string& resume) {
  const Seeds seeds = make_seeds(config.seed);
  torch::manual_seed(seeds.weights);
  const auto data = std::make_shared<FashionMnistDataModule>(config.data, seeds);
  const auto module = std::make_shared<LitClassifier>(create_model(config.model), config);

  const fs::path folder = open_run(config, resume);  // a mistake above leaves none
  const auto history =
      std::make_shared<History>(std::vector<std::string>{"train_loss", "val_loss"});

  const auto stopping = std::make_shared<LateStopping>(
      lit::EarlyStoppingOptions{.monitor = "val_loss",
                                .min_delta = config.early_stopping.min_delta,
                                .patience = config.early_stopping.patience},
      config.early_stopping.warmup);

  lit::TrainerOptions options = trainer_options(config, folder);
  options.callbacks = {
      stopping,
      lit::callback<lit::LearningRateMonitor>({.logging_interval = "epoch"}),
      history,
      lit::callback<lit::ModelCheckpoint>({.dirpath = folder / "checkpoints",
                                           .filename = "best",
                                           .monitor = "val_loss",
                                           .save_last = lit::SaveLast::yes,
                                           .enable_version_counter = false}),
      lit::callback<lit::OnExceptionCheckpoint>({.dirpath = folder / "checkpoints"}),
      keep_config(config, folder),
  };
  lit::Trainer trainer(options);

  fmt::print("run: {}\n{}\n\n", folder.string(), course::describe(data->location()));
  // From the newest checkpoint in the run's folder, if there is one.
  trainer.fit(module, data, {.ckpt_path = "last"});
  refuse_non_finite(*stopping);

  if (trainer.fast_dev_run()) {  // keeps nothing, so there is nothing to show
    trainer.test(module, data);
    return;
  }
  // Once, and with the weights of the best epoch.
  const auto scores = trainer.test(module, data, {.verbose = false, .ckpt_path = "best"});
  show_outcome(scores, history->curves(), folder);
  fmt::print("fingerprint of the weights: {:016x}\n", fingerprint(*module->net()));
}
// endregion

// region run
void run(const CommandLine& command_line) {
  const std::string& resume = command_line.flag;
  const fs::path kept = fs::path(resume) / "config.toml";
  if (!resume.empty() && !fs::exists(kept)) {
    throw course::UsageError("--resume takes the folder of a run, but there is no " +
                             kept.string());
  }
  const Config config = compose(resume.empty() ? base_of(kProgram.base) : kept, command_line);
  if (command_line.print_config) return fmt::print("{}", to_toml(config));
  if (!resume.empty() && config.optimizer != compose(kept, {}).optimizer) {
    throw course::UsageError(
        "the optimizer.* of a run that resumes are those of its checkpoint; leave them out, or "
        "train a new run without --resume");
  }
  train(config, resume);
}
// endregion

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(read_command_line(argc, argv, kProgram)); },
                             "data.batch_size");
}
