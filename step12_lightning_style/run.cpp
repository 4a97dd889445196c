// What the programs share: the folder of a run, and the Trainer that a config describes.
#include "run.h"

#include <spdlog/fmt/fmt.h>

#include <utility>

#include "device/threads.h"
#include "error.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/loggers/csv_logger.h"
#include "lit/loggers/tensorboard_logger.h"
#include "run/run_folder.h"
#include "serialize/atomic_file.h"

namespace fs = std::filesystem;

// region open_run
fs::path open_run(const Config& config, const std::string& resume) {
  course::set_up_threads(config.threads, "threads");
  const fs::path folder =
      resume.empty() ? course::make_run_folder(course::runs_folder(config.run_dir), "run_dir")
                     : fs::path(resume);
  if (resume.empty()) course::write_text_atomically(folder / "config.toml", to_toml(config));
  return folder;
}

std::shared_ptr<lit::Callback> keep_config(const Config& config, const fs::path& folder) {
  const auto keep = [text = to_toml(config), file = folder / "config.toml",
                     is_kept = false](auto&&...) mutable {
    if (!std::exchange(is_kept, true)) course::write_text_atomically(file, text);
  };
  return lit::callback<lit::LambdaCallback>({.on_train_batch_end = keep});
}
// endregion

// region trainer_options
lit::TrainerOptions trainer_options(const Config& config, const fs::path& folder) {
  const Config::Trainer& from = config.trainer;
  lit::TrainerOptions options;
  options.accelerator = from.accelerator;
  options.logger = {
      std::make_shared<lit::CSVLogger>(lit::CSVLoggerOptions{.save_dir = folder, .name = "csv"}),
      std::make_shared<lit::TensorBoardLogger>(
          lit::TensorBoardLoggerOptions{.save_dir = folder, .name = "tensorboard"})};
  options.fast_dev_run = from.fast_dev_run;
  options.max_epochs = from.max_epochs;
  options.limit_train_batches = from.limit_train_batches;
  options.limit_val_batches = from.limit_val_batches;
  options.limit_test_batches = from.limit_test_batches;
  options.overfit_batches = from.overfit_batches;
  options.log_every_n_steps = from.log_every_n_steps;
  options.accumulate_grad_batches = from.accumulate_grad_batches;
  if (from.gradient_clip_val > 0) options.gradient_clip_val = from.gradient_clip_val;
  options.deterministic = "warn";
  options.profiler = from.profiler;
  options.default_root_dir = folder;
  options.flush_denormal = from.flush_denormal;
  return options;
}
// endregion
