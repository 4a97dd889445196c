// Where a run is at this moment: what log(), the trace and the profiler ask.
#pragma once

#include <cstdint>
#include <utility>

#include "lit/core/hooks.h"

namespace lit {

class Batch;

/// Which entry point runs, which part of it, and how far it got.
struct TrainerState {
  enum class Fn { none, fit, validate, test, predict };
  enum class Stage { none, sanity_checking, training, validating, testing, predicting };
  enum class Status { initializing, running, finished, interrupted };

  Fn fn = Fn::none;
  Stage stage = Stage::none;
  Status status = Status::initializing;
};
const char* name_of(TrainerState::Fn fn);

/// The hook that runs, the batch it works on, and the evaluation loader that the batch is from.
struct Moment {
  Hook hook = Hook::none;
  const Batch* batch = nullptr;
  int64_t dataloader_idx = -1;  ///< -1: there are not several
};

/// Changes a value, and puts back the one before when it goes.
template <typename T>
class During {
 public:
  During(T& value, T meanwhile) : value_(value), before_(std::exchange(value, meanwhile)) {}
  ~During() { value_ = before_; }
  During(const During&) = delete;
  During& operator=(const During&) = delete;

 private:
  T& value_;
  T before_;
};

}  // namespace lit
