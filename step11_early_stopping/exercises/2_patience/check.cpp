// The epoch in which patience.h ends, for sequences worked out by hand.
#include "patience.h"

#include <gtest/gtest.h>

#include <vector>

namespace {

// The number of the epoch after which it ends, 1 for the first; 0 if it does not.
int ends_after(Patience patience, const std::vector<double>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (patience.observe(values[i])) return static_cast<int>(i) + 1;
  }
  return 0;
}

TEST(Patience, EndsAfterSoManyEpochsWithoutImprovement) {
  EXPECT_EQ(ends_after({2, 0, Mode::min}, {0.5, 0.6, 0.7, 0.8}), 3)
      << "Patience 2, losses 0.5, 0.6, 0.7, 0.8";
  EXPECT_EQ(ends_after({1, 0, Mode::min}, {0.5, 0.5, 0.4}), 2)
      << "As good as before is no improvement";
}

TEST(Patience, AnImprovementBeginsAnew) {
  EXPECT_EQ(ends_after({2, 0, Mode::min}, {0.5, 0.6, 0.4, 0.6, 0.3, 0.6, 0.7}), 7)
      << "Patience 2, losses 0.5, 0.6, 0.4, 0.6, 0.3, 0.6, 0.7";
}

TEST(Patience, SmallImprovementsDoNotCount) {
  EXPECT_EQ(ends_after({2, 0.125, Mode::min}, {0.5, 0.45, 0.4, 0.2}), 3)
      << "Patience 2, min_delta 0.125, losses 0.5, 0.45, 0.4, 0.2";
  EXPECT_EQ(ends_after({2, 0.125, Mode::min}, {0.5, 0.45, 0.36, 0.35, 0.34}), 5)
      << "0.36 is better than 0.5 by more than 0.125, and begins the count anew; losses 0.5, 0.45, "
         "0.36, 0.35, 0.34";
}

TEST(Patience, MoreCanBeBetter) {
  EXPECT_EQ(ends_after({2, 0, Mode::max}, {0.5, 0.6, 0.7, 0.6, 0.5}), 5)
      << "Patience 2, accuracies 0.5, 0.6, 0.7, 0.6, 0.5";
}

TEST(Patience, WhatIsNoNumberEndsAtOnce) {
  EXPECT_EQ(ends_after({5, 0, Mode::min}, {0.5, std::nan(""), 0.4}), 2) << "Losses 0.5, NaN";
  EXPECT_EQ(ends_after({5, 0, Mode::max}, {0.5, std::numeric_limits<double>::infinity()}), 2)
      << "Accuracies 0.5, infinity";
}

}  // namespace
