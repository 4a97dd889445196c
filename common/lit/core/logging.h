// What is logged: the options of log(), and all that it was given in an epoch.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "lit/core/batch.h"
#include "lit/core/epoch_value.h"
#include "lit/core/hooks.h"
#include "lit/core/log_value.h"
#include "serialize/value.h"

namespace lit {

class Metric;

/// Options of log(), in Lightning's order. What is not set follows from the hook that log() is
/// called in: training_step logs each step, evaluation steps and epoch hooks log the epoch.
struct LogOptions {
  bool prog_bar = false;  ///< show it in the progress bar
  bool logger = true;     ///< send it to the loggers
  std::optional<bool> on_step = std::nullopt;
  std::optional<bool> on_epoch = std::nullopt;
  Reduce reduce_fx = Reduce::mean;  ///< a mean is weighted by batch_size
  bool add_dataloader_idx = true;   ///< with several loaders: "name/dataloader_idx_1"
  std::optional<int64_t> batch_size = std::nullopt;  ///< by default that of the batch
};

/// Everything logged in one epoch (or evaluation), by hook, name and loader.
class Results {
 public:
  /// What one name was given in one hook, for one loader.
  struct Entry {
    Hook hook;
    std::string name;
    int64_t loader;  // whose number is in the name; -1: none's
    int64_t source;  // the loader it was logged for; -1: there is one, or it is of the epoch
    LogOptions options;
    std::string step_name, epoch_name, bare_name;
    LogValue last;
    EpochValue epoch;
    std::shared_ptr<Metric> metric = nullptr;
  };

  /// One call of log(), with all options settled.
  /// @param loader  number of the evaluation loader where there are several; else -1
  /// @param batch   for the weight of a mean; nullptr: it counts as one sample
  const Entry& log(Hook hook, const std::string& name, int64_t loader, const LogValue& value,
                   const LogOptions& options, const Batch* batch);
  /// A metric, which sums up by itself: its step value is that of its last forward(), its epoch
  /// value what it computes, and reset() resets it.
  const Entry& log(Hook hook, const std::string& name, int64_t loader,
                   std::shared_ptr<Metric> metric, const LogOptions& options);

  /// Where the values of one moment go. All are optional.
  struct Sinks {
    LoggedMetrics* callback = nullptr;  ///< callback_metrics: what monitors read
    LoggedMetrics* logged = nullptr;    ///< logged_metrics: what loggers got, of all times
    LoggedMetrics* row = nullptr;       ///< what they get now
    LoggedMetrics* bar = nullptr;       ///< progress_bar_metrics
  };
  /// The latest values (`on_step`), or those of the epoch so far.
  /// @param training  callback metrics have step values in training only
  /// @param loader    only those that were logged for that evaluation loader (-1: for none of
  /// several); by default all
  void collect(bool on_step, bool training, const Sinks& sinks,
               std::optional<int64_t> loader = std::nullopt) const;
  /// The same of one entry.
  static void route(const Entry& entry, bool on_step, bool training, const Sinks& sinks);

  void reset();
  /// The entries, with metrics by their names in the module.
  course::Dict state_dict(const std::map<const Metric*, std::string>& names) const;
  void load_state_dict(const course::Dict& state,
                       const std::map<std::string, std::shared_ptr<Metric>>& metrics);
  bool empty() const { return entries_.empty(); }

 private:
  static Entry made(Hook hook, const std::string& name, int64_t loader, int64_t source,
                    const LogOptions& options);
  Entry& entry(Hook hook, const std::string& name, int64_t loader, const LogOptions& options);
  static std::optional<LogValue> value_of(const Entry& entry, bool on_step);

  void add(Entry entry);

  std::vector<Entry> entries_;
  std::unordered_map<std::string, std::vector<size_t>> by_name_;  // places in entries_
};

}  // namespace lit
