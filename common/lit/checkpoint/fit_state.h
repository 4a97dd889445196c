// The loops' part of a checkpoint: Lightning's counters, and under "lit" what Lightning does not
// keep.
#pragma once

#include "lit/checkpoint/resume_point.h"
#include "lit/core/module.h"
#include "lit/loops/training_data.h"
#include "lit/run/log_session.h"
#include "lit/run/progress.h"
#include "serialize/value.h"

namespace lit {

class FitState {
 public:
  struct Parts {
    const LightningModule& module;
    torch::Device device;
    Progress& progress;
    const Limits& limits;
    LogSession& log;
    const TrainingData* data;  ///< nullptr: the run is no fit
  };

  explicit FitState(const Parts& parts) : parts_(parts), progress_(parts.progress) {}

  course::Dict dump() const;
  /// Puts everything back but what needs a loader, and says where the fit goes on.
  /// @throws Error for values that cannot be
  ResumePoint load(const course::Dict& state);

  /// What Lightning keeps of an evaluation loop that has not run.
  static course::Dict of_loop_that_has_not_run();

 private:
  course::Dict counters() const;
  course::Dict own() const;
  ResumePoint load_counters(const course::Dict& state);
  void load_own(const course::Dict& own, ResumePoint& point);
  void check_gradients(const course::Dict& gradients) const;

  Parts parts_;
  Progress& progress_;
};

}  // namespace lit
