// The scores, the accuracy and the loss of f_theta.h, against numbers worked out by hand.
#include "f_theta.h"

#include <gtest/gtest.h>

#include <cmath>

namespace {

TEST(Scores, OfTwoPictures) {
  const torch::Tensor pixels = torch::tensor({{1.0F, 0.0F, 2.0F, 0.0F}, {0.0F, 3.0F, 0.0F, 1.0F}});
  const torch::Tensor weight = torch::tensor(
      {{1.0F, 0.0F, 0.0F, 0.0F}, {0.0F, 1.0F, 1.0F, 0.0F}, {0.0F, 0.0F, 0.0F, -1.0F}});
  const torch::Tensor found = scores_of(pixels, weight, torch::tensor({0.5F, 0.0F, 0.0F}));
  const torch::Tensor expected = torch::tensor({{1.5F, 2.0F, 0.0F}, {0.5F, 3.0F, -1.0F}});
  EXPECT_EQ(found.sizes(), expected.sizes());
  if (found.sizes() == expected.sizes()) {
    EXPECT_TRUE(torch::allclose(found, expected)) << "The scores are\n"
                                                  << found << "\nand not\n"
                                                  << expected;
  }
}

TEST(Scores, ShapeOfABatch) {
  const torch::Tensor found =
      scores_of(torch::rand({7, 784}), torch::rand({10, 784}), torch::zeros({10}));
  EXPECT_EQ(found.sizes(), (std::vector<int64_t>{7, 10}));
}

TEST(Accuracy, CountsTheHighestScore) {
  const torch::Tensor scores = torch::tensor(
      {{1.0F, 2.0F, 0.0F}, {9.0F, 0.0F, 0.0F}, {0.0F, 0.0F, 0.1F}, {3.0F, 4.0F, 5.0F}});
  EXPECT_NEAR(accuracy_of(scores, torch::tensor({1, 0, 2, 0})), 0.75, 1e-6)
      << "Three of four are right";
  EXPECT_NEAR(accuracy_of(scores, torch::tensor({0, 1, 0, 0})), 0.0, 1e-6);
}

TEST(Loss, OfScoresWorkedOutByHand) {
  // Odds of 1 : 3 for the label are a probability of 1/4, and those of 1 : 1 one of 1/2.
  const torch::Tensor scores = torch::tensor({{0.0, std::log(3.0)}, {5.0, 5.0}});
  EXPECT_NEAR(loss_of(scores, torch::tensor({0, 1})), (std::log(4.0) + std::log(2.0)) / 2, 1e-6);
}

TEST(Loss, OfLargeScores) {
  EXPECT_NEAR(loss_of(torch::tensor({{1000.0F, 0.0F}}), torch::tensor({1})), 1000, 1e-3)
      << "exp(1000) does not fit into a float";
}

}  // namespace
