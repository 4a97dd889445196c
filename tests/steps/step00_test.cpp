// step00: f_theta and the two numbers that judge it, worked out by hand.
#define main step00_main
#include "step00_problem/f_theta.cpp"
#undef main

#include <gtest/gtest.h>

namespace {

TEST(Step00, ScoresAreWeightTimesPixelsPlusBias) {
  const Theta theta{torch::tensor({{1.0F, 2.0F}, {0.0F, -1.0F}}), torch::tensor({0.5F, 0.0F})};
  const torch::Tensor scores = f(theta, torch::tensor({{3.0F, 4.0F}}));
  EXPECT_TRUE(torch::equal(scores, torch::tensor({{11.5F, -4.0F}})));
}

TEST(Step00, LossOfEqualScoresIsTheLogarithmOfTheClasses) {
  EXPECT_NEAR(loss_of(torch::zeros({3, 10}), torch::tensor({0, 5, 9})), std::log(10.0), 1e-6);
}

TEST(Step00, AccuracyCountsHighestScores) {
  const torch::Tensor scores = torch::tensor({{1.0F, 2.0F}, {3.0F, 0.0F}, {0.0F, 1.0F}});
  EXPECT_NEAR(accuracy_of(scores, torch::tensor({1, 0, 0})), 2.0 / 3, 1e-6);
}

TEST(Step00, ClassMeansChooseTheNearestMean) {
  // Class k has the single pixel k alight, and a dim copy of it.
  const torch::Tensor pixels = torch::cat({torch::eye(10, 784), 0.5 * torch::eye(10, 784)});
  const torch::Tensor labels = torch::arange(10).repeat({2});
  const Theta theta = class_means_theta(pixels, labels, 0.1);
  EXPECT_TRUE(torch::equal(f(theta, pixels).argmax(1), labels));
  // The mean of class 3 is 0.75 at pixel 3: the weight is 0.1 * 2 * 0.75, the bias -0.1 * 0.75^2.
  EXPECT_NEAR(theta.weight[3][3].item<double>(), 0.15, 1e-6);
  EXPECT_NEAR(theta.bias[3].item<double>(), -0.05625, 1e-6);
}

}  // namespace
