// The experiment of experiment.h, made twice.
#include "experiment.h"

#include <gtest/gtest.h>

namespace {

TEST(Experiment, TheSameSeedGivesTheSameWeights) {
  torch::manual_seed(1);
  Experiment first(7);
  torch::rand({3});  // something else draws between the two
  Experiment second(7);
  EXPECT_TRUE(torch::equal(first.model()->weight, second.model()->weight))
      << "Two experiments with the seed 7";
  EXPECT_FALSE(torch::equal(first.model()->weight, Experiment(8).model()->weight))
      << "The seeds 7 and 8";
}

TEST(Experiment, AResumedRunSeesTheSameOrder) {
  Experiment whole(7), resumed(7);
  for (int64_t epoch = 0; epoch < 3; ++epoch) whole.order(epoch, 20);
  EXPECT_TRUE(torch::equal(whole.order(3, 20), resumed.order(3, 20)))
      << "Epoch 3 of a run that had epochs 0 to 2, and of one that begins there";
}

TEST(Experiment, EachEpochHasAnOrderOfItsOwn) {
  Experiment one(7), other(8);
  EXPECT_FALSE(torch::equal(one.order(0, 20), one.order(1, 20))) << "Epochs 0 and 1";
  EXPECT_FALSE(torch::equal(one.order(0, 20), other.order(0, 20))) << "The seeds 7 and 8";
}

TEST(Experiment, OrdersDoNotMoveTheGlobalGenerator) {
  Experiment one(7);
  torch::manual_seed(1);
  const torch::Tensor expected = torch::rand({3});
  torch::manual_seed(1);
  one.order(0, 20);
  EXPECT_TRUE(torch::equal(torch::rand({3}), expected))
      << "What dropout draws must not depend on who asked for an order";
}

}  // namespace
