// What a run writes down: a log for people, metrics for programs.
#pragma once

#include <spdlog/common.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

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
/// metrics.csv: numbers for programs to read, with all their digits, a line at once.
class MetricsFile {
 public:
  /// @param columns what will be measured, besides the epoch
  MetricsFile(const std::filesystem::path& folder, std::vector<std::string> columns);

  /// Writes a line; what was not measured stays empty.
  /// @throws course::Error if it cannot be written
  void write(int64_t epoch, const std::map<std::string, double>& measured);

 private:
  std::vector<std::string> columns_;
  std::filesystem::path path_;
  std::ofstream file_;
};
// endregion
