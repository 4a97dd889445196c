// What the network of net.h must be able to do.
#include "net.h"

#include <gtest/gtest.h>

namespace {

TEST(Net, HasNoEmptyHolder) {
  const Net net;
  EXPECT_FALSE(net->first.is_empty()) << "first points to nothing";
  EXPECT_FALSE(net->second.is_empty()) << "second points to nothing";
  EXPECT_FALSE(net->output.is_empty())
      << "output points to nothing: calling it would be the end of the program, without a message";
}

TEST(Net, HasTheParametersOfAllItsLayers) {
  EXPECT_EQ(Net()->named_parameters().keys(),
            (std::vector<std::string>{"first.weight", "first.bias", "second.weight", "second.bias",
                                      "output.weight", "output.bias"}));
}

TEST(Net, DropsFeaturesInTrainingModeOnly) {
  torch::manual_seed(0);
  Net net;
  if (net->output.is_empty()) GTEST_SKIP() << "it cannot be run yet";
  EXPECT_EQ(net(torch::rand({5, 16})).sizes(), (std::vector<int64_t>{5, 3}));
  const torch::Tensor x = torch::rand({20, 16});
  EXPECT_FALSE(torch::equal(net(x), net(x))) << "In training mode two answers differ";
  net->eval();
  EXPECT_TRUE(torch::equal(net(x), net(x)))
      << "In evaluation mode two answers to the same are the same";
}

}  // namespace
