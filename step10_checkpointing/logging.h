// What a run writes down: a log for people, metrics for programs.
#pragma once

#include <spdlog/common.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "config.h"

/// What the console shows. @throws course::UsageError that lists the levels
spdlog::level::level_enum console_level(const Config& config);

/// Sends all that is logged from here on to `folder`/log.txt, and what is of `level` or above to
/// the console; each line at once, so that a run that is killed has said all that it had to say.
/// @throws course::Error if the file cannot be made, and, from the call that logs, if it cannot be
/// written any more
void start_logging(const std::filesystem::path& folder, spdlog::level::level_enum level);

/// Writes `folder`/config.toml, from which --config repeats the run.
/// @throws course::Error if it cannot be written
void save_config(const std::filesystem::path& folder, const Config& config);

/// Logs what the run depends on besides its config: revision, libraries, machine.
void log_environment();

/// Logs the names, shapes and sizes of a model's parameters.
void log_model(const std::string& name, const torch::nn::Module& model);

// region metrics
/// One line of metrics.csv; what was not measured stays empty.
struct Metrics {
  int64_t epoch;
  std::optional<double> train_loss = {};
  std::optional<double> test_loss = {};
  std::optional<double> test_accuracy = {};
};

/// Numbers for programs to read, with all their digits, a line at once.
class MetricsFile {
 public:
  explicit MetricsFile(const std::filesystem::path& folder);

  /// @throws course::Error if the line cannot be written
  void write(const Metrics& metrics);

 private:
  std::filesystem::path path_;
  std::ofstream file_;
};
// endregion
