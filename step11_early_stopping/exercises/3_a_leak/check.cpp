// The split of split.h over several epochs.
#include "split.h"

#include <gmock/gmock.h>

#include <set>

namespace {

std::set<int64_t> samples(const torch::Tensor& indices) {
  std::set<int64_t> found;
  for (int64_t i = 0; i < indices.numel(); ++i) found.insert(indices[i].item<int64_t>());
  return found;
}

TEST(Split, NoSampleIsInBoth) {
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    const Split found = split(7, epoch, 50, 20);
    std::set<int64_t> both = samples(found.train);
    both.merge(samples(found.validation));
    EXPECT_EQ(both.size(), 50)
        << "30 to train on and 20 held out are 50 different samples, in epoch " << epoch;
  }
}

TEST(Split, EverySampleIsInOne) {
  const Split found = split(7, 0, 50, 20);
  EXPECT_EQ(found.train.numel(), 30);
  EXPECT_EQ(found.validation.numel(), 20);
}

TEST(Split, IsTheSameInEveryEpoch) {
  EXPECT_EQ(samples(split(7, 0, 50, 20).validation), samples(split(7, 1, 50, 20).validation))
      << "What is held out in epoch 0 and in epoch 1: training must never see it";
  EXPECT_NE(samples(split(7, 0, 50, 20).validation), samples(split(8, 0, 50, 20).validation))
      << "The seeds 7 and 8";
}

TEST(Split, ValidationIsInTheSetsOrder) {
  const torch::Tensor validation = split(7, 0, 50, 20).validation;
  EXPECT_TRUE((validation.diff() > 0).all().item<bool>())
      << "Held out are " << validation.unsqueeze(0);
}

TEST(Split, TrainingHasANewOrderEachEpoch) {
  EXPECT_FALSE(torch::equal(split(7, 0, 50, 20).train, split(7, 1, 50, 20).train))
      << "The orders of epochs 0 and 1";
  EXPECT_TRUE(torch::equal(split(7, 1, 50, 20).train, split(7, 1, 50, 20).train))
      << "Asked for twice";
}

}  // namespace
