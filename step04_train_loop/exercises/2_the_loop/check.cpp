// The loop of fit.h: it learns, and its rates are those that were asked for.
#include "fit.h"

#include <gtest/gtest.h>

namespace {

torch::data::Example<> line() {
  const torch::Tensor x = torch::linspace(-1, 1, 20).unsqueeze(1);
  return {x, 2 * x + 1};
}

TEST(Fit, LearnsALine) {
  torch::manual_seed(0);
  torch::nn::Linear model(1, 1);
  torch::optim::SGD optimizer(model->parameters(), 0.5);
  fit(model, line(), optimizer, 50, 1000);
  EXPECT_NEAR(model->weight.item<double>(), 2.0, 1e-3) << "y = 2x + 1";
  EXPECT_NEAR(model->bias.item<double>(), 1.0, 1e-3) << "y = 2x + 1";
}

TEST(Fit, HalvesTheRateOnTime) {
  torch::nn::Linear model(1, 1);
  torch::optim::SGD optimizer(model->parameters(), 0.5);
  EXPECT_EQ(fit(model, line(), optimizer, 7, 3),
            (std::vector<double>{0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125}))
      << "The rates of seven epochs, halved after every third";
}

TEST(Fit, TheOptimizerItselfIsChanged) {
  torch::nn::Linear model(1, 1);
  torch::optim::SGD optimizer(model->parameters(), 0.5);
  fit(model, line(), optimizer, 4, 2);
  EXPECT_EQ(optimizer.param_groups()[0].options().get_lr(), 0.125) << "After epochs 2 and 4";
}

TEST(Fit, ReturnsTheRateOfEveryEpoch) {
  torch::nn::Linear model(1, 1);
  torch::optim::SGD optimizer(model->parameters(), 0.5);
  EXPECT_EQ(fit(model, line(), optimizer, 5, 10).size(), 5);
}

}  // namespace
