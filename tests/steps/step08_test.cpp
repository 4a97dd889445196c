// step08: streams that do not touch each other, and data that do not care which worker asks.
#include <gtest/gtest.h>

#include <set>

#include "config.h"
#include "datasets.h"
#include "models/classifier.h"
#include "seed.h"
#include "train.h"

namespace {

const ImageDataset& train_set() {
  static const DataSets data = load_data_sets("fashion-mnist", COURSE_SAMPLE_DIR);
  return data.train;
}

struct Outcome {
  std::vector<double> losses;
  uint64_t weights;
};

Outcome run_once(const Config& config, const Seeds& seeds) {
  torch::manual_seed(seeds.weights);
  const auto model = create_model(config);
  const auto optimizer = make_optimizer(*model, config);
  Outcome outcome{};
  for (int64_t epoch = 1; epoch <= config.epochs; ++epoch) {
    torch::manual_seed(course::mix_seed(seeds.dropout, epoch));
    const auto loader = make_epoch_loader(train_set(), config, seeds, epoch);
    course::ProgressBar progress("", 0, "");
    outcome.losses.push_back(train_one_epoch(*model, *loader, *optimizer, torch::kCPU, progress));
  }
  outcome.weights = fingerprint(*model);
  return outcome;
}

Config short_run() {
  Config config;
  config.epochs = 2;
  config.limit_train_batches = 5;
  config.flip = 0.5;
  return config;
}

TEST(Step08, StreamsOfOneSeedAndOfItsNeighboursAllDiffer) {
  std::set<uint64_t> all;
  for (const uint64_t seed : {0, 1, 2}) {
    const Seeds seeds = make_seeds(seed);
    all.insert({seeds.weights, seeds.dropout, seeds.shuffle, seeds.flip});
  }
  EXPECT_EQ(all.size(), 12);
}

TEST(Step08, SameSeedsGiveTheSameBits) {
  for (const std::string model : {"mlp", "cnn"}) {
    Config config = short_run();
    config.model = model;
    const Outcome a = run_once(config, make_seeds(1)), b = run_once(config, make_seeds(1));
    EXPECT_EQ(a.losses, b.losses);
    EXPECT_EQ(a.weights, b.weights);
  }
}

TEST(Step08, EverySeedMatters) {
  const Seeds seeds = make_seeds(1);
  const Outcome original = run_once(short_run(), seeds);
  for (uint64_t Seeds::*stream :
       {&Seeds::weights, &Seeds::dropout, &Seeds::shuffle, &Seeds::flip}) {
    Seeds changed = seeds;
    ++(changed.*stream);
    const Outcome other = run_once(short_run(), changed);
    EXPECT_NE(original.losses[0], other.losses[0]);
    EXPECT_NE(original.weights, other.weights);
  }
}

TEST(Step08, WorkersDoNot) {
  const Seeds seeds = make_seeds(1);
  Config config = short_run();
  const Outcome alone = run_once(config, seeds);
  config.workers = 2;
  EXPECT_EQ(alone.losses, run_once(config, seeds).losses);
}

TEST(Step08, AnEpochHasEverySampleOnceInAnOrderOfItsOwn) {
  const Seeds seeds = make_seeds(0);
  const auto order_of = [&](int64_t epoch) {
    Config config;
    config.batch_size = 300;  // the last batch is short
    const auto loader = make_epoch_loader(train_set(), config, seeds, epoch);
    std::vector<torch::Tensor> labels, sums;
    for (const auto& batch : *loader) {
      labels.push_back(batch.target);
      sums.push_back(batch.data.sum({1, 2, 3}));
    }
    EXPECT_EQ(labels.size(), 7);
    return torch::cat(sums);
  };
  const torch::Tensor first = order_of(1), second = order_of(2);
  EXPECT_EQ(first.size(0), 2000);
  EXPECT_FALSE(torch::equal(first, second));
  EXPECT_TRUE(torch::allclose(std::get<0>(first.sort()), std::get<0>(second.sort())));
  EXPECT_TRUE(torch::equal(first, order_of(1)));
}

TEST(Step08, FlipsMirrorTheAskedForShareAndNothingElse) {
  const auto mirrored = [](double share, int64_t epoch) {
    ImageDataset dataset = train_set().flipped(share, 5, epoch);
    ImageDataset plain = train_set();
    torch::Tensor which = torch::zeros({2000});
    for (int64_t i = 0; i < 2000; ++i) {
      const torch::Tensor now = dataset.get(i).data, before = plain.get(i).data;
      if (torch::equal(now, before)) continue;
      EXPECT_TRUE(torch::equal(now.flip(2), before));
      which[i] = 1;
    }
    return which;
  };
  EXPECT_EQ(mirrored(0, 1).sum().item<int64_t>(), 0);
  EXPECT_GT(mirrored(1, 1).sum().item<int64_t>(), 1990);  // but for symmetric pictures
  const torch::Tensor first = mirrored(0.3, 1);
  EXPECT_NEAR(first.mean().item<double>(), 0.3, 0.05);  // five standard deviations
  EXPECT_FALSE(torch::equal(first, mirrored(0.3, 2)));
}

TEST(Step08, ASubsetKnowsItsSamples) {
  ImageDataset whole = train_set();
  ImageDataset twice = whole.subset(torch::tensor({7, 3, 5})).subset(torch::tensor({2, 0}));
  EXPECT_EQ(*twice.size(), 2);
  EXPECT_TRUE(torch::equal(twice.get(0).data, whole.get(5).data));
  EXPECT_TRUE(torch::equal(twice.get(1).data, whole.get(7).data));
  EXPECT_THROW(twice.get(2), c10::IndexError);
}

TEST(Step08, FingerprintSeesTheLastBitOfTheLastWeight) {
  const auto model = create_model({});
  const uint64_t before = fingerprint(*model);
  torch::Tensor bias = model->named_parameters()["output.bias"].detach();
  float& last = bias.data_ptr<float>()[9];
  last = std::nextafter(last, 1.0F);
  EXPECT_NE(fingerprint(*model), before);
}

TEST(Step08, FingerprintIsFnv1a) {
  // Of the four bytes 00 00 80 3f, the float 1, by hand: h = (h ^ byte) * prime.
  struct One : torch::nn::Module {
    One() { register_parameter("one", torch::ones({1})); }
  };
  uint64_t hash = 14695981039346656037U;
  for (const uint64_t byte : {0x00, 0x00, 0x80, 0x3f}) hash = (hash ^ byte) * 1099511628211U;
  EXPECT_EQ(fingerprint(One()), hash);
}

}  // namespace
