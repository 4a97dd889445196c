// Training, top to bottom.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lit/core/logging.h"
#include "lit/core/step_output.h"
#include "lit/loops/fetcher.h"
#include "lit/loops/hook_calls.h"
#include "lit/trainer/trainer.h"
#include "serialize/value.h"

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

  /// Progress, and what an epoch has come to so far: for a checkpoint, in Lightning's layout, with
  /// what Lightning does not keep under "lit".
  course::Dict state_dict();
  /// The next run() goes on there: behind the last batch, in the middle of an epoch's end, or at an
  /// epoch's start.
  void load_state_dict(const course::Dict& state);
  /// Does a validation follow on the batch at hand?
  bool validation_is_due() const;
  /// Has the run trained a batch of its own?
  bool has_trained() const { return trained_; }

  Results results;

 private:
  /// Where in an epoch the loop is, as far as a checkpoint can tell.
  enum class Place {
    epoch_start,   ///< nothing of the epoch is done
    batch_start,   ///< batches_done_ batches are over, with all that belongs to them
    batch_end,     ///< the last one is over, but for its on_train_batch_end
    batch_logged,  ///< and for the validation behind it
    validated,     ///< and for what comes behind that
    epoch_end      ///< on_train_epoch_end is over
  };
  static const char* name_of(Place place);
  static Place place_of(const std::string& name);
  Place place() const;
  course::Dict own_state(Place place);
  course::Dict counters(Place place) const;
  void load_counters(const course::Dict& state);
  void load_own(const course::Dict& own);
  void check_gradients(const course::Dict& gradients) const;
  // Each is a part of run(), in the order in which they are there.
  void sanity_check();
  void warn_of_modes() const;
  bool done();
  void run_epoch(Place from);
  void begin_epoch();
  void resume_epoch(Place from);
  void resume_loader();
  void pass_over_batches();
  void finish_batch(bool validated);
  void restore_random_streams();
  bool epoch_is_over();
  std::optional<Batch> next_batch();
  void run_batch(Batch batch);
  StepOutput run_automatic();
  void run_closure();
  void validate();
  void update_lr_schedulers(std::string_view interval, bool plateau);
  void log_step();
  void finish_epoch();

  bool may_stop() const;
  bool validates_in_this_epoch() const;
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
  Place place_ = Place::epoch_start;
  int64_t batches_done_ = 0;  // of this epoch
  // Steps of the optimizers and of the schedulers; before this epoch, and in all.
  int64_t steps_before_epoch_ = 0, scheduler_steps_before_epoch_ = 0, scheduler_steps_ = 0;
  std::optional<Place> resume_;       // where the next run() begins
  bool resumes_by_counters_ = false;  // which do not tell all of the place
  std::optional<course::Dict>
      saved_;  // what it takes from there: loader, random streams, gradients
  bool skip_rest_ = false, told_of_minimum_ = false, trained_ = false;

  // Of the batch at hand.
  const Batch* batch_ = nullptr;
  StepOutput output_;
  bool closure_ran_ = false;
};

}  // namespace lit
