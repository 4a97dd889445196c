// The losses of losses.h by their names, against numbers worked out by hand.
#include "losses.h"

#include <gmock/gmock.h>

#include <cmath>

namespace {

using ::testing::HasSubstr;

const torch::Tensor kScores = torch::tensor({{2.0F, 0.0F, 1.0F}});
const torch::Tensor kLabels = torch::tensor({0});

double loss(const std::string& name) {
  try {
    return find_loss(name)(kScores, kLabels).item<double>();
  } catch (const std::invalid_argument& error) {
    ADD_FAILURE() << "find_loss(\"" << name << "\") throws: " << error.what();
    return -1;
  }
}

TEST(Losses, MeanSquareIsThere) {
  EXPECT_GT(std::abs(loss("mean_square") - loss("cross_entropy")), 0.01)
      << "mean_square must not be cross entropy under another name";
}

TEST(Losses, MeanSquareIsAgainstOneHot) {
  EXPECT_NEAR(loss("mean_square"), 2.0 / 3, 1e-6)
      << "Scores 2, 0, 1 and label 0: ((2-1)^2 + 0^2 + 1^2) / 3";
}

TEST(Losses, SmoothedCrossEntropyIsThere) {
  // 0.9 of the loss of the label, and 0.1 of the mean of all labels' losses.
  const double log_sum = std::log(std::exp(2.0) + 1 + std::exp(1.0));
  EXPECT_NEAR(loss("smoothed"), 0.9 * (log_sum - 2) + 0.1 * (log_sum - 1), 1e-5);
}

TEST(Losses, AnUnknownNameIsRefusedWithTheKnownOnes) {
  std::string message = "nothing was thrown";
  try {
    find_loss("crossentropy");
  } catch (const std::invalid_argument& error) {
    message = error.what();
  }
  EXPECT_THAT(message, HasSubstr("crossentropy")) << "The message names what was wrong";
  EXPECT_THAT(message, HasSubstr("cross_entropy, mean_square, smoothed"))
      << "And what would be right";
}

}  // namespace
