// What do you think: 3 classes, pictures of 3 colours and 8 x 8 pixels?
#pragma once

#include <cstdint>

constexpr int64_t kNumbersInTheta = 0;                // TODO(1)
constexpr int64_t kLossOfAllZero = -1;                // TODO(2), rounded
constexpr int64_t kLossOfBeingSure = -1;              // TODO(3), rounded
constexpr int64_t kLossOfBeingSureAndWrong = -1;      // TODO(4), rounded
constexpr int64_t kAccuracyGainedBySharpness = -100;  // TODO(5), in per cent
