// The optimizers that optimizers.h makes of configs.
#include "optimizers.h"

#include <gmock/gmock.h>

#include <limits>

namespace {

using ::testing::HasSubstr;

std::vector<torch::Tensor> parameters() {
  return {torch::zeros({2}, torch::requires_grad())};
}

// What is said about a config, or "nothing was thrown".
std::string message_of(const OptimizerConfig& config) {
  try {
    make_optimizer(parameters(), config);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Optimizers, SgdHasItsValues) {
  const auto optimizer = make_optimizer(parameters(), {"sgd", 0.25, 0.9, 0.01});
  const auto* options =
      dynamic_cast<torch::optim::SGDOptions*>(&optimizer->param_groups()[0].options());
  ASSERT_NE(options, nullptr) << "It must be a torch::optim::SGD";
  EXPECT_EQ(options->lr(), 0.25);
  EXPECT_EQ(options->momentum(), 0.9);
  EXPECT_EQ(options->weight_decay(), 0.01);
}

TEST(Optimizers, AdamHasItsValues) {
  const auto optimizer = make_optimizer(parameters(), {"adam", 0.25, 0.9, 0.01});
  const auto* options =
      dynamic_cast<torch::optim::AdamOptions*>(&optimizer->param_groups()[0].options());
  ASSERT_NE(options, nullptr) << "It must be a torch::optim::Adam";
  EXPECT_EQ(options->lr(), 0.25);
  EXPECT_EQ(options->weight_decay(), 0.01);
}

TEST(Optimizers, AnUnknownNameIsRefused) {
  const std::string message = message_of({.optimizer = "adma"});
  EXPECT_THAT(message, HasSubstr("adma")) << "What was wrong";
  EXPECT_THAT(message, HasSubstr("sgd")) << "What there is";
  EXPECT_THAT(message, HasSubstr("adam")) << "What there is";
}

TEST(Optimizers, ARateThatIsNoRateIsRefused) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double rate : {0.0, -0.1, infinity, std::nan("")}) {
    EXPECT_THAT(message_of({.optimizer = "adam", .learning_rate = rate}),
                HasSubstr("learning_rate"))
        << "A learning rate of " << rate;
  }
}

}  // namespace
