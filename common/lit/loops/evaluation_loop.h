// Validation and test: every batch of every loader, without gradients.
#pragma once

#include <cstdint>
#include <vector>

#include "lit/core/logging.h"
#include "lit/core/step_output.h"
#include "lit/loops/hook_calls.h"
#include "lit/trainer/trainer.h"

namespace lit {

/// One evaluation of a module, in fit or by itself.
class EvaluationLoop {
 public:
  enum class Kind { validation, test };

  EvaluationLoop(Trainer& trainer, HookCalls& calls, Kind kind)
      : trainer_(trainer), calls_(calls), kind_(kind) {}

  /// Loaders that an entry point was given; requested ones are forgotten.
  void use(const Loaders& given) {
    given_ = given;
    loaded_ = false;
    loaders_ = {};
  }
  /// Requests the loaders, if that has not been done, or if it is time to do it again.
  void load_if_needed();
  /// Is there a loader; or as long as none was requested, somebody to ask for one?
  bool has_loaders() const;

  /// @param at_most  batches of each loader: for the sanity check
  /// @returns what was logged for the epoch, for each loader; empty in fit, or without any batch
  std::vector<Scores> run(int64_t at_most);

  /// Counts the batches that step metrics are logged under from 0 again.
  void forget_batches() { seen_.clear(); }

  /// How many batches of each loader there were so far.
  course::Dict state_dict() const;
  void load_state_dict(const course::Dict& state);
  /// How far the evaluation at hand is, or the last one, by Lightning's counters.
  course::Dict progress() const;
  /// What Lightning keeps of a loop that has not run.
  static course::Dict not_run();

  Results results;

 private:
  // The hooks of the kind.
  struct Names;
  const Names& names() const;
  void run_loader(size_t index, int64_t batches);
  void run_batch(Batch batch, int64_t batch_idx, int64_t dataloader_idx);
  void log_step(size_t loader);
  void log_epoch();
  std::vector<Scores> scores() const;

  Trainer& trainer_;
  HookCalls& calls_;
  Kind kind_;
  Loaders given_, loaders_;
  bool loaded_ = false;
  int64_t loaded_in_epoch_ = 0;
  std::vector<int64_t> batches_;         // of each loader, after the limit
  std::vector<int64_t> seen_;            // of each loader, over all runs
  int64_t started_ = 0, completed_ = 0;  // batches of this run
  bool is_last_ = false;
};

}  // namespace lit
