// Training, top to bottom.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "lit/core/logging.h"
#include "lit/core/step_output.h"
#include "lit/loops/fetcher.h"
#include "lit/loops/hook_calls.h"
#include "lit/trainer/trainer.h"

namespace lit {

class EvaluationLoop;

/// Epochs of batches of steps, with validation in between. It keeps its place between two calls of
/// fit.
class FitLoop {
 public:
  FitLoop(Trainer& trainer, HookCalls& calls, EvaluationLoop& validation)
      : trainer_(trainer), calls_(calls), validation_(validation) {}

  /// Loaders that fit() was given; empty ones are requested when they are needed.
  void use(const Loaders& train, const Loaders& val);
  void run();

  /// The train loader, requested if it is not there yet.
  void load_train_data();

  Results results;

 private:
  // Each is a part of run(), in the order in which they are there.
  void sanity_check();
  void warn_of_modes() const;
  bool done();
  void run_epoch();
  bool epoch_is_over();
  void run_batch(Batch batch);
  StepOutput run_automatic();
  void run_closure();
  bool validation_is_due() const;
  void validate();
  void update_lr_schedulers(std::string_view interval, bool plateau);
  void log_step();
  void finish_epoch();

  bool may_stop() const;
  bool accumulating() const;
  void check_loss(const torch::Tensor& loss) const;

  Trainer& trainer_;
  HookCalls& calls_;
  EvaluationLoop& validation_;

  Loaders given_;
  std::shared_ptr<Loader> loader_;
  int64_t loaded_in_epoch_ = 0;
  int64_t val_check_batches_ = 0;
  double last_validation_ = 0;
  Fetcher fetcher_;
  int64_t batch_idx_ = -1, total_batch_idx_ = -1;
  bool skip_rest_ = false, told_of_minimum_ = false;

  // Of the batch at hand.
  const Batch* batch_ = nullptr;
  StepOutput output_;
  bool closure_ran_ = false;
};

}  // namespace lit
