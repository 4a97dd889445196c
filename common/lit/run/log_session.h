// What is logged in a run: from log() to monitors, the progress bar and the loggers.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "lit/core/logging.h"
#include "lit/loggers/logger.h"
#include "lit/run/moment.h"
#include "lit/run/progress.h"

namespace lit {

class LightningModule;

/// Epoch-level metrics of one evaluation loader, by name.
using Scores = std::map<std::string, double>;

/// A value is shown to monitors and the bar as it is logged; at each boundary (a step, an epoch, an
/// evaluation) the values are collected once, and the loggers get a row.
class LogSession {
 public:
  using Loggers = std::vector<std::shared_ptr<Logger>>;

  /// @param loggers  empty for a process that writes nothing
  LogSession(const Moment& moment, const TrainerState& state, const Progress& progress,
             const Limits& limits, int64_t log_every_n_steps, const Loggers& loggers,
             const LightningModule& module)
      : moment_(moment),
        state_(state),
        progress_(progress),
        limits_(limits),
        log_every_n_steps_(log_every_n_steps),
        loggers_(loggers),
        module_(module) {}

  /// @throws Error where the hook that runs does not allow it
  void log(const std::string& name, const LogValue& value, const LogOptions& options);
  /// @throws Error as above, or for a metric that is no part of the module
  void log(const std::string& name, const std::shared_ptr<Metric>& metric,
           const LogOptions& options);
  /// Numbers of a callback, to the loggers as they are; `for_monitors`: also to callback_metrics().
  void log_metrics(const LoggedMetrics& metrics, int64_t step, bool for_monitors);

  // What was logged, by name, with its latest value.
  const LoggedMetrics& callback_metrics() const { return callback_; }
  const LoggedMetrics& logged_metrics() const { return logged_; }
  const LoggedMetrics& progress_bar_metrics() const { return bar_; }
  void clear();

  /// Is this a batch that loggers get?
  bool is_due() const;

  // Training. In this order, epoch after epoch.

  void begin_training();
  /// A batch is over: a row, if it is due.
  void end_training_step(bool due);
  /// All batches are: the epoch's values are there for the hooks of its end.
  void end_training_steps();
  /// And these have run.
  void collect_training_epoch();
  void end_training_epoch();

  // An evaluation: in fit between two batches, or by itself.

  void begin_evaluation();
  /// A batch is over: a row under the number of batches of this loader so far.
  /// @param loader  -1: there are not several
  void end_evaluation_step(int64_t loader, int64_t step);
  void end_evaluation_steps();
  void end_evaluation_epoch();
  std::vector<Scores> scores(size_t loaders) const;
  void end_evaluation();

  /// For a checkpoint: the values of the epoch so far, with metrics by their names in the module,
  /// and what was shown.
  course::Dict state_dict(const std::map<const Metric*, std::string>& names) const;
  void load_state_dict(const course::Dict& state,
                       const std::map<std::string, std::shared_ptr<Metric>>& metrics);

 private:
  LogOptions settle(const std::string& name, const LogOptions& options) const;
  void show(const Results::Entry& entry);
  Results::Sinks sinks(LoggedMetrics* row = nullptr) {
    return {.callback = &callback_, .logged = &logged_, .row = row, .bar = &bar_};
  }
  void send(LoggedMetrics row, int64_t step, bool with_epoch);
  bool in_training() const { return current_ == Values::of_training; }
  Results& results() { return in_training() ? training_ : evaluation_; }

  enum class Values { of_none, of_training, of_evaluation };

  const Moment& moment_;
  const TrainerState& state_;
  const Progress& progress_;
  const Limits& limits_;
  int64_t log_every_n_steps_;
  const Loggers& loggers_;
  const LightningModule& module_;

  Results training_, evaluation_;
  Values current_ = Values::of_none;
  bool steps_ = true;  // do monitors see the values of steps, or those of the epoch?
  LoggedMetrics callback_, logged_, bar_, row_;
  std::set<const Metric*> parts_;  // the module's metrics
};

}  // namespace lit
