// The closed sets of words that several classes take.
#pragma once

#include <array>

#include "lit/core/choice.h"

namespace lit {

/// Is less of a metric better, or more?
enum class MonitorMode { min, max };
inline std::array<const char*, 2> words(MonitorMode) {
  return {"min", "max"};
}

/// What something is done after.
enum class Interval { epoch, step };
inline std::array<const char*, 2> words(Interval) {
  return {"epoch", "step"};
}

}  // namespace lit
