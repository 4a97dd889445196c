// The batches of batches.h: every sample once, the short last batch, drop_last, the generator.
#include "batches.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

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

using Sizes = std::vector<int64_t>;

Sizes sizes(const std::vector<torch::Tensor>& batches) {
  std::vector<int64_t> all;
  for (const torch::Tensor& batch : batches) all.push_back(batch.numel());
  return all;
}

TEST(Batches, AnEpochHasEverySampleOnce) {
  std::vector<int64_t> all = samples(batches(10, 4, false, 0));
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}))
      << "The samples of an epoch of 10, in batches of 4, put in order";
}

TEST(Batches, TheLastOneIsShort) {
  EXPECT_EQ(sizes(batches(10, 4, false, 0)), (Sizes{4, 4, 2}));
  EXPECT_EQ(sizes(batches(8, 4, false, 0)), (Sizes{4, 4})) << "No batch is empty";
}

TEST(Batches, ASetThatIsSmallerThanABatch) {
  EXPECT_EQ(sizes(batches(3, 64, false, 0)), (Sizes{3}));
}

TEST(Batches, DropLast) {
  EXPECT_EQ(sizes(batches(10, 4, true, 0)), (Sizes{4, 4})) << "10 samples in batches of 4";
  EXPECT_EQ(sizes(batches(8, 4, true, 0)), (Sizes{4, 4})) << "A last batch that is full is kept";
  EXPECT_EQ(sizes(batches(3, 64, true, 0)), Sizes{}) << "3 samples in batches of 64";
}

TEST(Batches, EachEpochHasAnOrderOfItsOwn) {
  const auto generator = at::make_generator<at::CPUGeneratorImpl>(uint64_t{7});
  const std::vector<int64_t> first = samples(batches_of_an_epoch(50, 4, false, generator));
  const std::vector<int64_t> second = samples(batches_of_an_epoch(50, 4, false, generator));
  EXPECT_TRUE(first != second) << "Two epochs from one generator have different orders";
  EXPECT_TRUE(first == samples(batches(50, 4, false, 7)))
      << "The same seed gives the same order again";
}

}  // namespace
