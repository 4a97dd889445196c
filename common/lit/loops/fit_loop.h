// Training, top to bottom.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "lit/checkpoint/resume_point.h"
#include "lit/loops/evaluation_loop.h"
#include "lit/loops/fit_rules.h"
#include "lit/loops/step.h"
#include "lit/loops/training_data.h"
#include "lit/run/data.h"
#include "lit/run/hooks.h"
#include "lit/run/log_session.h"
#include "lit/run/optimization.h"
#include "lit/run/progress.h"

namespace lit {

/// Runs epochs of batches of steps, with validation in between.
class FitLoop {
 public:
  struct Parts {
    Hooks& hooks;
    const Data& data;
    TrainingData& training_data;
    Strategy& strategy;
    Optimization& optimization;
    EvaluationLoop& validation;
    LogSession& log;
    Moment& moment;
    TrainerState& state;
    Progress& progress;
    Limits& limits;
    const RunConfig& config;
  };

  explicit FitLoop(const Parts& parts);

  /// Lets run() begin at that point.
  void resume(ResumePoint point) { resume_ = std::move(point); }
  /// @param keeps_state  whether a checkpoint may be written in the middle of an epoch
  void run(bool keeps_state);

  /// Whether a validation follows the current batch.
  bool validation_is_due() const;

 private:
  // The parts of run(), in the order of their calls.
  void sanity_check();
  void warn_of_modes() const;
  void run_epoch();
  void begin_epoch();
  void resume_epoch(ResumePoint point);
  void run_batch(Batch batch);
  void finish_batch(bool validated);
  void validate();
  void step_schedulers(Interval interval, bool plateau);
  void log_step();
  void finish_epoch();

  bool resumes_in_epoch() const;
  bool only_accumulates() const;

  Parts parts_;
  Progress& progress_;
  AutomaticStep automatic_step_;
  ManualStep manual_step_;
  FitRules rules_;
  std::optional<ResumePoint> resume_;
  bool keeps_state_ = false;
  double validation_clock_ = 0;  // when it ran last, or training began: for intervals of time
};

}  // namespace lit
