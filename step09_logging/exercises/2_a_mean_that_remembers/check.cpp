// The mean of running_mean.h.
#include "running_mean.h"

#include <gtest/gtest.h>

namespace {

torch::Tensor loss(double value) {
  return torch::tensor(static_cast<float>(value), torch::requires_grad()) * 1;
}

TEST(RunningMean, KeepsNoGraph) {
  RunningMean mean;
  mean.add(loss(1), 1);
  EXPECT_FALSE(mean.sum().requires_grad())
      << "The sum must not hang on the graphs of the losses: they would all stay in memory";
}

TEST(RunningMean, WeighsBatchesBySize) {
  RunningMean mean;
  mean.add(loss(1), 3);
  mean.add(loss(5), 1);
  EXPECT_NEAR(mean.take(), 2.0, 1e-9) << "Three samples with a loss of 1 and one with 5";
}

TEST(RunningMean, EachEpochBeginsAnew) {
  RunningMean mean;
  mean.add(loss(10), 2);
  mean.take();
  mean.add(loss(1), 2);
  EXPECT_NEAR(mean.take(), 1.0, 1e-9) << "An epoch with a loss of 10 came before this one with 1";
  EXPECT_TRUE(std::isnan(mean.take())) << "There was no batch since";
}

TEST(RunningMean, IsExactOverManySteps) {
  RunningMean mean;
  mean.add(loss(1), 1 << 25);
  for (int i = 0; i < 1000; ++i) mean.add(loss(2), 1);
  EXPECT_NEAR(mean.take(), 1 + 1000.0 / ((1 << 25) + 1000), 1e-9);
}

}  // namespace
