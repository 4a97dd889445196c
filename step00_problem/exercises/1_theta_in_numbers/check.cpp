// Works out what was to be predicted, for 3 classes and pictures of 3 x 8 x 8.
#include "prediction.h"

#include <torch/torch.h>

#include <cmath>

#include "exercise/check.h"

namespace {

// The loss of one picture of class 0.
int64_t loss_of(const torch::Tensor& scores) {
  const torch::Tensor loss =
      torch::nn::functional::cross_entropy(scores.unsqueeze(0), torch::zeros({1}, torch::kInt64));
  return std::lround(loss.item<double>());
}

double accuracy_of(const torch::Tensor& scores, const torch::Tensor& labels) {
  return (scores.argmax(1) == labels).to(torch::kFloat64).mean().item<double>();
}

TEST(Prediction, NumbersInTheta) {
  const torch::nn::Linear f(3 * 8 * 8, 3);
  EXPECT_PREDICTION(kNumbersInTheta, f->weight.numel() + f->bias.numel());
}

TEST(Prediction, LossOfAllZero) {
  EXPECT_PREDICTION(kLossOfAllZero, loss_of(torch::zeros({3})));
}

TEST(Prediction, LossOfBeingSure) {
  EXPECT_PREDICTION(kLossOfBeingSure, loss_of(torch::tensor({20.0F, 0.0F, 0.0F})));
}

TEST(Prediction, LossOfBeingSureAndWrong) {
  EXPECT_PREDICTION(kLossOfBeingSureAndWrong, loss_of(torch::tensor({0.0F, 20.0F, 0.0F})));
}

TEST(Prediction, AccuracyOfSharperScores) {
  torch::manual_seed(0);
  const torch::Tensor scores = torch::randn({100, 3}), labels = torch::randint(3, {100});
  const double gain = accuracy_of(10 * scores, labels) - accuracy_of(scores, labels);
  EXPECT_PREDICTION(kAccuracyGainedBySharpness, std::lround(100 * gain));
}

}  // namespace
