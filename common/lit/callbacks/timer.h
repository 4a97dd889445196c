// Timer: how long the stages take; ends a fit when its time is up (Trainer's max_time).
#pragma once

#include <map>
#include <optional>
#include <string>

#include "lit/callbacks/callback.h"
#include "lit/core/choices.h"
#include "lit/trainer/options.h"

namespace lit {

struct TimerOptions {
  /// Of training, without setup; what a checkpoint says has passed counts. None: only measures.
  std::optional<Duration> duration = std::nullopt;
  Choice<Interval> interval = Interval::step;  ///< after which it looks at the clock
  bool verbose = true;                         ///< says so when time is up
};

class Timer : public Callback {
 public:
  using Options = TimerOptions;
  /// @throws Error for an interval that is not one
  explicit Timer(Options options = {});

  /// Seconds in a stage: "train" (all fits together, those before a resume included), "validate" or
  /// "test" (the last one). 0 before the first. @throws Error for another stage
  double time_elapsed(const std::string& stage = "train") const;
  /// Seconds of training that are left; none without a duration.
  std::optional<double> time_remaining() const;
  const Options& options() const { return options_; }

  void on_fit_start(Trainer& trainer, LightningModule& module) override;
  void on_train_start(Trainer& trainer, LightningModule& module) override;
  void on_train_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                          const Batch& batch, int64_t batch_idx) override;
  void on_train_epoch_end(Trainer& trainer, LightningModule& module) override;
  void on_train_end(Trainer& trainer, LightningModule& module) override;
  void on_validation_start(Trainer& trainer, LightningModule& module) override;
  void on_validation_end(Trainer& trainer, LightningModule& module) override;
  void on_test_start(Trainer& trainer, LightningModule& module) override;
  void on_test_end(Trainer& trainer, LightningModule& module) override;
  void on_exception(Trainer& trainer, LightningModule& module, const std::exception& what) override;

  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;

 private:
  struct Watch {
    double before = 0;  // seconds, of what is over
    double start = -1;  // -1: it does not run
    double elapsed() const;
    void stop();
  };
  Watch& watch(const std::string& stage) { return watches_.at(stage); }
  void check(Trainer& trainer) const;

  Options options_;
  std::map<std::string, Watch> watches_{{"train", {}}, {"validate", {}}, {"test", {}}};
};

}  // namespace lit
