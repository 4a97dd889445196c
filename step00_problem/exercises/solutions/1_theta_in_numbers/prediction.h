// What do you think: 3 classes, pictures of 3 colours and 8 x 8 pixels?
#pragma once

#include <cstdint>

constexpr int64_t kNumbersInTheta = 3 * 3 * 8 * 8 + 3;
constexpr int64_t kLossOfAllZero = 1;              // ln(3) = 1.0986
constexpr int64_t kLossOfBeingSure = 0;            // -ln(almost 1)
constexpr int64_t kLossOfBeingSureAndWrong = 20;   // -ln(exp(-20))
constexpr int64_t kAccuracyGainedBySharpness = 0;  // the highest stays the highest
