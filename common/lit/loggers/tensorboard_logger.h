// TensorBoardLogger: the numbers of a run as event files that TensorBoard shows.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "lit/loggers/logger.h"
#include "lit/loggers/run_version.h"
#include "lit/loggers/summary_writer.h"

namespace lit {

struct TensorBoardLoggerOptions {
  std::filesystem::path save_dir;
  std::string name = "lightning_logs";
  Version version = {};
  bool default_hp_metric = true;  ///< hp_metric = -1, so that a run without another is in the table
  std::string prefix = "";        ///< before every name, with a "-"
  std::string sub_dir = "";       ///< for the event files, inside of the version's folder
};

/// Writes SAVE_DIR/NAME/version_N/events.out.tfevents.*, under the tags and steps that Lightning
/// writes, and hparams.yaml once. See them with `tensorboard --logdir SAVE_DIR`, also while the run
/// goes on. Pictures, histograms and texts go through experiment():
///
///     auto* board = dynamic_cast<lit::TensorBoardLogger*>(logger());
///     if (board != nullptr) board->experiment().add_image("worst", image, global_step());
class TensorBoardLogger : public Logger {
 public:
  using Options = TensorBoardLoggerOptions;

  /// @throws Error for a version below 0
  explicit TensorBoardLogger(Options options);

  /// The writer of this run, which is made at the first call.
  SummaryWriter& experiment();

  void log_metrics(const std::map<std::string, double>& metrics, int64_t step) override;
  /// Dicts inside of it become names with "/". With default_hp_metric, hp_metric is -1.
  void log_hyperparams(const course::Dict& params) override;
  /// The same, with the numbers that the run is to be compared by.
  void log_hyperparams(const course::Dict& params, const std::map<std::string, double>& metrics);
  /// @throws Error if something cannot be written
  void save() override;
  /// Writes what waits; where nothing was logged, no folder is made.
  void finalize(const std::string& status) override;

  std::string name() const override { return run_.name(); }
  std::string version() const override { return run_.version(); }
  std::string save_dir() const override { return run_.save_dir().string(); }
  std::string root_dir() const override { return run_.root_dir().string(); }
  std::string log_dir() const override;

 private:
  Options options_;
  mutable RunVersion run_;
  std::unique_ptr<SummaryWriter> writer_;
  course::Dict hparams_;
  bool saved_ = false;
};

}  // namespace lit
