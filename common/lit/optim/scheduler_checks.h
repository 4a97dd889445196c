// Checks of the schedulers' options.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <string>

#include "lit/error.h"

namespace lit::detail {

inline void at_least_one(const char* what, int64_t number) {
  if (number < 1) throw Error(fmt::format("{} is {}, but must be at least 1", what, number));
}

inline void between(const char* what, double number, double low, double high) {
  if (number >= low && number <= high) return;
  throw Error(fmt::format("{} is {}, but must be from {} to {}", what, number, low, high));
}

}  // namespace lit::detail
