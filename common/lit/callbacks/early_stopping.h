// EarlyStopping: ends a fit when a metric does not get better any more.
#pragma once

#include <limits>
#include <optional>
#include <string>

#include "lit/callbacks/callback.h"
#include "lit/core/choices.h"

namespace lit {

/// Lightning's arguments, in its order.
struct EarlyStoppingOptions {
  std::string monitor = "";  ///< name of a logged metric; must be given
  double min_delta = 0;      ///< what counts as an improvement is more than this
  int64_t patience = 3;      ///< checks without improvement after which it stops (not epochs)
  bool verbose = false;      ///< reports improvements by info()
  Choice<MonitorMode> mode = MonitorMode::min;
  bool strict = true;        ///< is it an error when the metric is not there?
  bool check_finite = true;  ///< stop at NaN and infinity
  std::optional<double> stopping_threshold = std::nullopt;    ///< better than this: stop
  std::optional<double> divergence_threshold = std::nullopt;  ///< worse than this: stop
  /// After training epochs instead of after validations. By default where that comes to the same
  /// count: with val_check_interval 1.0 and check_val_every_n_epoch 1.
  std::optional<bool> check_on_train_epoch_end = std::nullopt;
};

/// Made to be derived from: override evaluate() to decide otherwise, or monitored() to look at
/// something else.
class EarlyStopping : public Callback {
 public:
  using Options = EarlyStoppingOptions;
  enum class Reason {
    not_stopped,
    stopping_threshold,
    divergence_threshold,
    patience_exhausted,
    non_finite
  };

  /// @throws Error for an option that is not allowed
  explicit EarlyStopping(Options options);

  int64_t wait_count() const { return wait_count_; }
  /// The epoch it stopped in; 0 if it did not.
  int64_t stopped_epoch() const { return stopped_epoch_; }
  double best_score() const { return best_score_; }
  /// The epoch of that score.
  int64_t best_epoch() const { return best_epoch_; }
  Reason stopping_reason() const { return reason_; }
  const std::string& stopping_reason_message() const { return reason_message_; }
  const Options& options() const { return options_; }

  std::string state_key() const override;
  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;
  bool is_monitor() const override { return true; }
  void setup(Trainer& trainer, LightningModule& module, const std::string& stage) override;
  /// A run that it had stopped when the checkpoint was written stays stopped, unless there is more
  /// patience now.
  void on_fit_start(Trainer& trainer, LightningModule& module) override;
  void on_train_epoch_end(Trainer& trainer, LightningModule& module) override;
  void on_validation_end(Trainer& trainer, LightningModule& module) override;

 protected:
  struct Decision {
    bool stop = false;
    Reason reason = Reason::not_stopped;
    std::string message = "";
  };

  /// Is training to stop, now that the metric has this value? Keeps best_score and wait_count.
  virtual Decision evaluate(double current);
  /// The metric's value; none: it is not there, and there is nothing to decide.
  virtual std::optional<double> monitored(Trainer& trainer);

  double best_score_ = 0;
  int64_t wait_count_ = 0;

 private:
  void run(Trainer& trainer);
  std::string why_stopped(double current) const;
  bool better(double a, double b) const { return minimize_ ? a < b : a > b; }

  Options options_;
  bool minimize_;
  bool on_train_epoch_end_ = false, loaded_ = false;
  int64_t stopped_epoch_ = 0, best_epoch_ = 0;
  Reason reason_ = Reason::not_stopped;
  std::string reason_message_;
};

}  // namespace lit
