// GradientAccumulationScheduler: another accumulate_grad_batches from some epoch on.
#include "lit/callbacks/gradient_accumulation_scheduler.h"

#include <spdlog/fmt/fmt.h>

#include <iterator>
#include <utility>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"

namespace lit {

GradientAccumulationScheduler::GradientAccumulationScheduler(Options options)
    : options_(std::move(options)) {
  if (options_.scheduling.empty()) {
    throw Error(
        "GradientAccumulationScheduler was given an empty schedule; {{4, 2}} sums up two "
        "batches from epoch 4 on");
  }
  for (const auto& [epoch, factor] : options_.scheduling) {
    if (epoch < 0 || factor < 1) {
      throw Error(fmt::format(
          "GradientAccumulationScheduler was given the factor {} from epoch {} on; epochs count "
          "from 0, and a factor is at least 1",
          factor, epoch));
    }
  }
}

int64_t GradientAccumulationScheduler::factor(int64_t epoch) const {
  const auto after = options_.scheduling.upper_bound(epoch);
  return after == options_.scheduling.begin() ? 1 : std::prev(after)->second;
}

void GradientAccumulationScheduler::on_train_start(Trainer& trainer, LightningModule& module) {
  if (!module.automatic_optimization) {
    throw Error(
        "GradientAccumulationScheduler was given to a Trainer whose module optimizes by hand; "
        "accumulate in its training_step() instead");
  }
  if (trainer.accumulate_grad_batches() != 1) {
    throw Error(fmt::format(
        "the Trainer has accumulate_grad_batches={} and a GradientAccumulationScheduler; leave one "
        "of them out",
        trainer.accumulate_grad_batches()));
  }
  for (const Hook hook : {Hook::optimizer_step, Hook::optimizer_zero_grad}) {
    if (!trainer.is_overridden(hook)) continue;
    warn(fmt::format(
        "the module overrides {}, which GradientAccumulationScheduler has no say in: it is called "
        "only where a step is due",
        name_of(hook)));
  }
  on_train_epoch_start(trainer, module);  // a resume in the middle of an epoch has no start of it
}

void GradientAccumulationScheduler::on_train_epoch_start(Trainer& trainer, LightningModule&) {
  trainer.set_accumulate_grad_batches(factor(trainer.current_epoch()));
}

void GradientAccumulationScheduler::on_train_end(Trainer& trainer, LightningModule&) {
  trainer.set_accumulate_grad_batches(1);
}

}  // namespace lit
