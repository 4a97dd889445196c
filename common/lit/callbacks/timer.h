// Timer: ends a fit when its time is up (Trainer's max_time).
#pragma once

#include "lit/callbacks/callback.h"
#include "lit/trainer/options.h"

namespace lit {

struct TimerOptions {
  Duration duration = std::chrono::hours(1);  ///< of training, without setup; kept by checkpoints
};

class Timer : public Callback {
 public:
  using Options = TimerOptions;
  explicit Timer(Options options) : options_(options) {}

  /// Seconds since training started, those before a resume included.
  double time_elapsed() const;
  double time_remaining() const { return options_.duration.seconds() - time_elapsed(); }

  void on_train_start(Trainer& trainer, LightningModule& module) override;
  void on_train_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                          const Batch& batch, int64_t batch_idx) override;
  void on_train_epoch_end(Trainer& trainer, LightningModule& module) override;
  void on_train_end(Trainer& trainer, LightningModule& module) override;

  course::Dict state_dict() const override { return {{"time_elapsed", time_elapsed()}}; }
  void load_state_dict(const course::Dict& state) override;

 private:
  void check(Trainer& trainer) const;

  Options options_;
  double before_ = 0;  // seconds of earlier runs
  double start_ = -1;  // of this one; -1: it is not running
};

}  // namespace lit
