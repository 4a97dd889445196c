// step02: every sample once an epoch, batches that are right, and the short last one.
#define main step02_main
#include "step02_dataloader/main.cpp"
#undef main

#include <gtest/gtest.h>

namespace {

course::DataLocation sample_location() {
  return course::find_data(COURSE_SAMPLE_DIR);
}

TEST(Step02, AnEpochHasEverySampleOnce) {
  const FashionMnist dataset(sample_location(), course::Split::test);
  const auto loader = make_loader<RandomSampler>(dataset, 64);
  int64_t samples = 0;
  int64_t batches = 0;
  torch::Tensor labels = torch::zeros({10}, torch::kInt64);
  for (const auto& batch : *loader) {
    samples += batch.data.size(0);
    ++batches;
    labels += torch::bincount(batch.target, {}, 10);
  }
  EXPECT_EQ(batches, 8);  // ceil(500 / 64)
  EXPECT_EQ(samples, 500);
  EXPECT_TRUE(torch::equal(labels, torch::full({10}, 50)));
}

TEST(Step02, SamplesAreNormalised) {
  FashionMnist dataset(sample_location(), course::Split::test);
  const auto loader = make_loader<SequentialSampler>(dataset, 64);
  const torch::data::Example<> batch = *loader->begin();
  const torch::Tensor expected = (dataset.get(5).data - 0.2860) / 0.3530;
  EXPECT_TRUE(torch::allclose(batch.data[5], expected, 1e-6, 1e-6));
}

TEST(Step02, WholeBatchesHoldTheSameSamples) {
  const FashionMnist one_by_one(sample_location(), course::Split::test);
  FashionMnistBatches whole(sample_location(), course::Split::test);
  const auto loader = make_loader<SequentialSampler>(one_by_one, 64);
  std::vector<size_t> indices(64);
  std::iota(indices.begin(), indices.end(), size_t{0});
  const torch::data::Example<> expected = *loader->begin();
  const torch::data::Example<> found = whole.get_batch(indices);
  EXPECT_TRUE(torch::allclose(found.data, expected.data, 1e-6, 1e-6));
  EXPECT_TRUE(torch::equal(found.target, expected.target));
}

TEST(Step02, TheLastBatchIsShort) {
  const FashionMnist dataset(sample_location(), course::Split::test);
  const auto loader = make_loader<SequentialSampler>(dataset, 64);
  torch::data::Example<> last;
  for (const auto& batch : *loader) last = batch;
  // region short_batch
  EXPECT_EQ(last.data.size(0), 52);                           // 500 = 7 * 64 + 52
  EXPECT_THROW(last.data.view({64, 784}), std::exception);    // a batch size from elsewhere
  EXPECT_NO_THROW(last.data.view({last.data.size(0), 784}));  // its own
  EXPECT_NO_THROW(last.data.flatten(1));                      // or none at all
  // endregion
}

}  // namespace
