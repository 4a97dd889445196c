// The options of one run, as resolved; what the user gave is never written to.
#pragma once

#include "lit/run/moment.h"
#include "lit/trainer/options.h"

namespace lit {

class HookSet;

struct RunConfig {
  TrainerOptions options;  ///< with the values of fast_dev_run in their places
  TrainerState::Fn fn = TrainerState::Fn::none;
  int64_t min_epochs = 0;

  bool in_fit() const { return fn == TrainerState::Fn::fit; }
  bool fast_dev_run() const { return options.fast_dev_run > 0; }
  /// Is there a validation_step among `hooks`, and no limit of none?
  bool validates(const HookSet& hooks) const;
  /// The first limit on batches that holds for a loader of this kind (train, val, test, predict).
  struct NamedLimit {
    const char* option;
    Limit limit;
  };
  NamedLimit limit_of(const std::string& kind) const;
};

/// The options as a run takes them: fast_dev_run is a run of a few batches, whatever else was
/// given.
TrainerOptions resolved(const TrainerOptions& given);

bool is_zero(const Limit& limit);

}  // namespace lit
