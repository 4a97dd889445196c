// Counts what a loader of 1000 samples in batches of 64 does, and compares with the prediction.
#include <torch/torch.h>

#include <set>

#include "exercise/check.h"
#include "prediction.h"

namespace {

// Sample i is the number i; and how often one was asked for.
struct Numbers : torch::data::datasets::Dataset<Numbers> {
  explicit Numbers(std::shared_ptr<int64_t> count) : fetched(std::move(count)) {}
  torch::data::Example<> get(size_t index) override {
    ++*fetched;
    return {torch::tensor(static_cast<int64_t>(index)), torch::zeros({})};
  }
  torch::optional<size_t> size() const override { return 1000; }
  std::shared_ptr<int64_t> fetched;
};

struct Epoch {
  std::vector<int64_t> sizes;
  std::set<int64_t> samples;
};

// One pass through a loader, or two, of which the last is told of.
struct Loaded {
  explicit Loaded(bool drop_last = false) {
    torch::manual_seed(0);
    const auto loader = torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
        Numbers(fetched).map(torch::data::transforms::Stack<>()),
        torch::data::DataLoaderOptions(64).drop_last(drop_last));
    for (Epoch& epoch : epochs) {
      for (const auto& batch : *loader) {
        epoch.sizes.push_back(batch.data.size(0));
        for (int64_t i = 0; i < batch.data.size(0); ++i) {
          epoch.samples.insert(batch.data[i].item<int64_t>());
        }
      }
    }
  }
  std::shared_ptr<int64_t> fetched = std::make_shared<int64_t>(0);
  std::array<Epoch, 2> epochs;
};

TEST(Prediction, BatchesOfAnEpoch) {
  EXPECT_PREDICTION(kBatchesOfAnEpoch, Loaded().epochs[0].sizes.size());
}

TEST(Prediction, SamplesInTheLastBatch) {
  EXPECT_PREDICTION(kSamplesInTheLastBatch, Loaded().epochs[0].sizes.back());
}

TEST(Prediction, BatchesWithDropLast) {
  EXPECT_PREDICTION(kBatchesWithDropLast, Loaded(true).epochs[0].sizes.size());
}

TEST(Prediction, SamplesNeverSeen) {
  EXPECT_PREDICTION(kSamplesNeverSeen, 1000 - Loaded(true).epochs[0].samples.size());
}

TEST(Prediction, SamplesFetched) {
  EXPECT_PREDICTION(kSamplesFetchedInTwoEpochs, *Loaded().fetched);
}

TEST(Prediction, SameSamplesInTheSecondEpoch) {
  const Loaded loaded;
  EXPECT_CHOICE(kSameSamplesInBothEpochs, loaded.epochs[0].samples == loaded.epochs[1].samples);
}

}  // namespace
