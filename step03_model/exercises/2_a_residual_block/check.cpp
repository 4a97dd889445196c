// The block and the tower of residual.h.
#include "residual.h"

#include <gtest/gtest.h>

namespace {

// -x of every positive number, and nothing of the others, is added: only those below 0 are left.
void make_it_take_away(torch::nn::Module& block) {
  const torch::NoGradGuard no_grad;
  for (auto& parameter : block.named_parameters()) {
    if (parameter.value().dim() == 1) {
      parameter.value().zero_();
    } else {
      parameter.value().copy_(torch::eye(parameter.value().size(0)) *
                              (parameter.key() == "first.weight" ? 1 : -1));
    }
  }
}

TEST(Residual, AddsToItsInput) {
  Residual block(2);
  EXPECT_EQ(
      block->named_parameters().keys(),
      (std::vector<std::string>{"first.weight", "first.bias", "second.weight", "second.bias"}));
  if (block->first.is_empty()) return;
  make_it_take_away(*block);
  const torch::Tensor found = block(torch::tensor({{3.0F, -2.0F}}));
  EXPECT_TRUE(torch::equal(found, torch::tensor({{0.0F, -2.0F}})))
      << "With first = 1 and second = -1, 3 and -2 become 3 + -relu(3) and -2 + -relu(-2): 0 and "
         "-2; here they are "
      << found;
}

TEST(Tower, HasTheParametersOfEachBlock) {
  EXPECT_EQ(Tower(4, 2)->named_parameters().keys(),
            (std::vector<std::string>{"blocks.0.first.weight", "blocks.0.first.bias",
                                      "blocks.0.second.weight", "blocks.0.second.bias",
                                      "blocks.1.first.weight", "blocks.1.first.bias",
                                      "blocks.1.second.weight", "blocks.1.second.bias"}));
}

TEST(Tower, BlocksAreNotTheSameOne) {
  const Tower tower(4, 2);
  const auto parameters = tower->named_parameters();
  ASSERT_TRUE(parameters.contains("blocks.1.first.weight"));
  EXPECT_FALSE(parameters["blocks.0.first.weight"].is_same(parameters["blocks.1.first.weight"]))
      << "Blocks 0 and 1 share their parameters";
}

TEST(Tower, RunsItsBlocksOneAfterTheOther) {
  torch::manual_seed(0);
  Tower tower(4, 3);
  torch::Tensor x = torch::randn({5, 4});
  const torch::Tensor found = tower(x);
  ASSERT_FALSE(tower->blocks.is_empty());
  for (const auto& block : *tower->blocks) x = block->as<ResidualImpl>()->forward(x);
  EXPECT_TRUE(torch::equal(found, x)) << "Each block is to be given what the one before returned";
}

}  // namespace
