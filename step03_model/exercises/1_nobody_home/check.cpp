// What the network of net.h must be able to do.
#include "net.h"

#include <gmock/gmock.h>

namespace {

using ::testing::ElementsAre;

TEST(Net, CanBeRun) {
  torch::manual_seed(0);
  Net net;
  std::string problem = "none";
  try {
    EXPECT_EQ(net(torch::rand({5, 16})).sizes(), (std::vector<int64_t>{5, 3}));
  } catch (const c10::Error& error) {
    problem = error.what_without_backtrace();
  }
  EXPECT_EQ(problem, "none") << "forward() of a batch of five must not throw";
}

TEST(Net, HasTheParametersOfAllItsLayers) {
  EXPECT_THAT(Net()->named_parameters().keys(),
              ElementsAre("first.weight", "first.bias", "second.weight", "second.bias",
                          "output.weight", "output.bias"));
}

TEST(Net, DropsFeaturesInTrainingModeOnly) {
  torch::manual_seed(0);
  Net net;
  if (net->output.is_empty()) GTEST_SKIP() << "it cannot be run yet";
  const torch::Tensor x = torch::rand({20, 16});
  EXPECT_FALSE(torch::equal(net(x), net(x))) << "In training mode two answers differ";
  net->eval();
  EXPECT_TRUE(torch::equal(net(x), net(x)))
      << "In evaluation mode two answers to the same are the same";
}

}  // namespace
