// Timer: ends a fit when its time is up.
#include "lit/callbacks/timer.h"

#include "lit/core/clock.h"
#include "lit/core/messages.h"
#include "lit/trainer/trainer.h"

namespace lit {

double Timer::time_elapsed() const {
  return before_ + (start_ < 0 ? 0 : steady_seconds() - start_);
}

void Timer::on_train_start(Trainer&, LightningModule&) {
  start_ = steady_seconds();
}

void Timer::on_train_batch_end(Trainer& trainer, LightningModule&, const StepOutput&, const Batch&,
                               int64_t) {
  check(trainer);
}

void Timer::on_train_epoch_end(Trainer& trainer, LightningModule&) {
  check(trainer);
}

void Timer::on_train_end(Trainer&, LightningModule&) {
  before_ = time_elapsed();
  start_ = -1;
}

void Timer::check(Trainer& trainer) const {
  if (trainer.should_stop || !trainer.strategy().any(time_remaining() <= 0)) return;
  trainer.should_stop = true;
  info("Time limit reached. Signaling Trainer to stop.");
}

void Timer::load_state_dict(const course::Dict& state) {
  before_ = state.at("time_elapsed").as_double();
}

}  // namespace lit
