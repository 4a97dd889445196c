// Validation and test: every batch of every loader, without gradients.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "lit/loops/fetcher.h"
#include "lit/run/data.h"
#include "lit/run/hooks.h"
#include "lit/run/log_session.h"
#include "lit/run/modes.h"
#include "lit/run/progress.h"
#include "lit/run/run_config.h"
#include "lit/strategies/strategy.h"

namespace lit {

/// One evaluation of a module, inside fit or by itself.
class EvaluationLoop {
 public:
  enum class Kind { validation, test };
  struct Parts {
    Hooks& hooks;
    const Data& data;
    Strategy& strategy;
    LogSession& log;
    Moment& moment;
    Modes& modes;
    const RunConfig& config;
    const TrainerState& state;
    const Progress& progress;
    EvaluationCounts& counts;       ///< of this loop
    std::vector<int64_t>& batches;  ///< of each loader, after the limit
  };

  EvaluationLoop(Kind kind, const Parts& parts) : kind_(kind), parts_(parts) {}

  /// Loaders that an entry point was given.
  void use(const Loaders& given) { given_ = given; }
  const Loaders& given() const { return given_; }
  /// Requests the loaders, once, and again every reload_dataloaders_every_n_epochs.
  void load_if_needed();
  /// Whether there is a loader, or, before the first request, a source to ask for one.
  bool has_loaders() const;

  /// @param at_most  batches of each loader: for the sanity check
  /// @param when_done  called before the hooks of its end
  /// @returns the epoch's logged values for each loader; empty inside fit, or without batches
  std::vector<Scores> run(int64_t at_most, const std::function<void()>& when_done = nullptr);

 private:
  // The hooks of the kind.
  struct Names;
  const Names& names() const;
  void run_loader(size_t index, int64_t batches);
  void run_batch(Batch batch, int64_t batch_idx, int64_t dataloader_idx);
  void log_step(size_t loader);

  Kind kind_;
  Parts parts_;
  Loaders given_, loaders_;
  bool loaded_ = false;
  int64_t loaded_in_epoch_ = 0;
};

}  // namespace lit
