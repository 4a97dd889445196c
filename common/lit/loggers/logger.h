// Logger: where the numbers of a run go.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "serialize/value.h"

namespace lit {

class ModelCheckpoint;

/// Derive from it to send metrics anywhere. Several can be given to a Trainer; all get everything,
/// and the first one's folder is the run's.
class Logger {
 public:
  virtual ~Logger() = default;

  /// One row: values by name, and the step they belong to.
  virtual void log_metrics(const std::map<std::string, double>& metrics, int64_t step) = 0;
  /// Called once, before the first step.
  virtual void log_hyperparams(const course::Dict&) {}
  /// Called after each file that a ModelCheckpoint has written: for a logger that keeps files, too.
  virtual void after_save_checkpoint(const ModelCheckpoint&) {}
  /// Called after each row: what was logged is to be on its way to the disk.
  virtual void save() {}
  /// The run has ended: "success" or "failed".
  virtual void finalize(const std::string& status) {
    (void)status;
    save();
  }

  virtual std::string name() const { return ""; }
  virtual std::string version() const { return ""; }
  /// The folder of this run; "" if it has none.
  virtual std::string log_dir() const { return ""; }
};

}  // namespace lit
