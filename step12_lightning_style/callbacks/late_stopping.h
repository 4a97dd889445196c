// EarlyStopping, changed in one place: the first epochs do not count.
#pragma once

#include <cmath>

#include "lit/callbacks/early_stopping.h"
#include "serialize/checked.h"

// region late_stopping
/// With a learning rate that warms up, or a schedule that begins with large steps, the first epochs
/// say little. EarlyStopping decides in evaluate(); that is all there is to change.
class LateStopping : public lit::EarlyStopping {
 public:
  /// @param warmup checks that do not count
  LateStopping(Options options, int64_t warmup)
      : EarlyStopping(std::move(options)), warmup_(warmup) {}

  course::Dict state_dict() const override {
    course::Dict state = EarlyStopping::state_dict();
    state.set("checks", checks_);
    return state;
  }
  void load_state_dict(const course::Dict& state) override {
    EarlyStopping::load_state_dict(state);
    checks_ = course::whole(state, "checks");
  }

 protected:
  Decision evaluate(double current) override {
    const bool counts = ++checks_ > warmup_ || !std::isfinite(current);  // NaN stays NaN
    return counts ? EarlyStopping::evaluate(current) : Decision{};
  }

 private:
  int64_t warmup_, checks_ = 0;
};
// endregion
