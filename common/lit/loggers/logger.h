// Logger: where the numbers of a run go.
#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
  /// Where runs are kept, those of this name, and this run; "" if it has no such folder. That of
  /// the run is made when it is requested.
  virtual std::string save_dir() const { return ""; }
  virtual std::string root_dir() const { return ""; }
  virtual std::string log_dir() const { return ""; }
};

/// Takes everything and keeps nothing: the logger of a fast_dev_run, for whose module logger() is
/// there as ever.
class DummyLogger : public Logger {
 public:
  void log_metrics(const std::map<std::string, double>&, int64_t) override {}
};

/// The Trainer's option: `true` for a TensorBoardLogger, `false` for none, one, or several.
class LoggerChoice {
 public:
  using List = std::vector<std::shared_ptr<Logger>>;

  LoggerChoice() = default;
  template <std::same_as<bool> Bool>
  LoggerChoice(Bool use_default) : use_default_(use_default) {}
  template <std::derived_from<Logger> T>
  LoggerChoice(std::shared_ptr<T> one) : use_default_(false), list_{std::move(one)} {}
  LoggerChoice(std::initializer_list<std::shared_ptr<Logger>> several)
      : use_default_(false), list_(several) {}
  LoggerChoice(List several) : use_default_(false), list_(std::move(several)) {}

  bool use_default() const { return use_default_; }
  const List& list() const { return list_; }

 private:
  bool use_default_ = true;
  List list_;
};

/// Returns the folder for a run's files: the first logger's log_dir, else its save_dir, else
/// `root`, else the current folder.
inline std::filesystem::path folder_of(const std::vector<std::shared_ptr<Logger>>& loggers,
                                       const std::filesystem::path& root) {
  if (!loggers.empty() && !loggers.front()->log_dir().empty()) return loggers.front()->log_dir();
  if (!loggers.empty() && !loggers.front()->save_dir().empty()) return loggers.front()->save_dir();
  return root.empty() ? std::filesystem::current_path() : root;
}

namespace detail {
/// "train-loss" for the prefix "train": Lightning's way to tell loggers apart that share a place.
inline std::string prefixed(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "-" + name;
}
}  // namespace detail

}  // namespace lit
