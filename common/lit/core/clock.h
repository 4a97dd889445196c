// The clock that time limits and intervals are measured by.
#pragma once

#include <chrono>

namespace lit {

/// Seconds, from some moment on; never goes back.
inline double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace lit
