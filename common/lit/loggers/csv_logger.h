// CSVLogger: the numbers of a run as a table that anything reads.
#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "lit/loggers/logger.h"
#include "lit/loggers/run_version.h"

namespace lit {

struct CSVLoggerOptions {
  std::filesystem::path save_dir;
  std::string name = "lightning_logs";
  Version version = {};
  std::string prefix = "";  ///< before every name, with a "-"
  int64_t flush_logs_every_n_steps = 100;
};

/// Writes SAVE_DIR/NAME/version_N/metrics.csv, and hparams.yaml once there are hyperparameters.
///
/// The header has every name seen so far, in alphabetical order, "epoch" and "step" among them; a
/// row has the values of one call, and empty cells. Values of training steps, of validation and of
/// epochs are rows of their own. A new name rewrites the file with one more column, in one step.
/// In a folder that a version given by the user has, an old metrics.csv is removed, with a warning.
/// A file that is removed during the run is started again, with a warning. Rows that could not be
/// written wait for the next attempt; the file is whole at every moment.
class CSVLogger : public Logger {
 public:
  using Options = CSVLoggerOptions;

  /// @throws Error for options out of range
  explicit CSVLogger(Options options);

  void log_metrics(const std::map<std::string, double>& metrics, int64_t step) override;
  void log_hyperparams(const course::Dict& params) override;
  /// Writes the rows that wait, and hparams.yaml.
  /// @throws Error if they cannot be written, or if another program has changed the file's header
  void save() override;

  std::string name() const override { return run_.name(); }
  std::string version() const override { return run_.version(); }
  std::string save_dir() const override { return run_.save_dir().string(); }
  std::string root_dir() const override { return run_.root_dir().string(); }
  std::string log_dir() const override { return run_.folder().string(); }

 private:
  using Row = std::map<std::string, std::string>;
  void begin();
  std::optional<std::ifstream> open_rows() const;
  void write();
  void rewrite(std::ifstream* old_rows);
  static void append_line(std::string& text, const Row& row,
                          const std::vector<std::string>& columns);

  Options options_;
  mutable RunVersion run_;
  std::filesystem::path file_;
  std::vector<std::string> columns_;  // of the file, in alphabetical order; none: it is not begun
  std::vector<Row> waiting_;
  course::Dict hparams_;
  bool hparams_changed_ = false;
};

}  // namespace lit
