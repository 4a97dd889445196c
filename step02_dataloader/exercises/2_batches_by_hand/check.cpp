// The batches of batches.h: every sample once, the short last batch, drop_last, the generator.
#include "batches.h"

#include <gmock/gmock.h>

#include <set>

namespace {

using ::testing::ElementsAre;

std::vector<torch::Tensor> batches(int64_t n, int64_t batch_size, bool drop_last, uint64_t seed) {
  return batches_of_an_epoch(n, batch_size, drop_last,
                             at::make_generator<at::CPUGeneratorImpl>(seed));
}

std::vector<int64_t> samples(const std::vector<torch::Tensor>& batches) {
  std::vector<int64_t> all;
  for (const torch::Tensor& batch : batches) {
    for (int64_t i = 0; i < batch.numel(); ++i) all.push_back(batch[i].item<int64_t>());
  }
  return all;
}

std::vector<int64_t> sizes(const std::vector<torch::Tensor>& batches) {
  std::vector<int64_t> all;
  for (const torch::Tensor& batch : batches) all.push_back(batch.numel());
  return all;
}

TEST(Batches, AnEpochHasEverySampleOnce) {
  const std::vector<int64_t> all = samples(batches(10, 4, false, 0));
  EXPECT_EQ(all.size(), 10) << "An epoch of 10 samples in batches of 4";
  EXPECT_EQ(std::set(all.begin(), all.end()).size(), 10)
      << "How many different samples the epoch has";
}

TEST(Batches, TheLastOneIsShort) {
  EXPECT_THAT(sizes(batches(10, 4, false, 0)), ElementsAre(4, 4, 2));
  EXPECT_THAT(sizes(batches(8, 4, false, 0)), ElementsAre(4, 4)) << "No batch is empty";
}

TEST(Batches, ASetThatIsSmallerThanABatch) {
  EXPECT_THAT(sizes(batches(3, 64, false, 0)), ElementsAre(3));
}

TEST(Batches, DropLast) {
  EXPECT_THAT(sizes(batches(10, 4, true, 0)), ElementsAre(4, 4));
  EXPECT_THAT(sizes(batches(8, 4, true, 0)), ElementsAre(4, 4))
      << "A last batch that is full is kept";
  EXPECT_THAT(sizes(batches(3, 64, true, 0)), ElementsAre());
}

TEST(Batches, EachEpochHasAnOrderOfItsOwn) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{7});
  const std::vector<int64_t> first = samples(batches_of_an_epoch(50, 4, false, generator));
  const std::vector<int64_t> second = samples(batches_of_an_epoch(50, 4, false, generator));
  EXPECT_NE(first, second) << "Two epochs from one generator";
  EXPECT_EQ(first, samples(batches(50, 4, false, 7))) << "The same seed gives the same order again";
}

}  // namespace
