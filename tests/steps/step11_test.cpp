// step11: the split, the patience, and the best weights kept by value.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>

#include <filesystem>
#include <set>

#include "checkpoint.h"
#include "config.h"
#include "early_stopping.h"
#include "evaluate.h"
#include "remove_tree.h"
#include "serialize/state_dict.h"
#include "train.h"

namespace {

namespace fs = std::filesystem;

DataSets sample() {
  return load_data_sets("fashion-mnist", COURSE_SAMPLE_DIR);
}

// The epochs in which these losses are the best so far, up to where it stops.
struct Watched {
  std::vector<int64_t> best;
  int64_t epochs;
  std::string reason;
};

Watched watch(EarlyStopping stopping, const std::vector<double>& losses) {
  Watched result{};
  for (const double loss : losses) {
    if (stopping.observe(++result.epochs, loss)) result.best.push_back(result.epochs);
    if (stopping.should_stop()) break;
  }
  result.reason = stopping.reason();
  return result;
}

TEST(Step11, PatienceIsEpochsWithoutImprovement) {
  const Watched watched = watch({2, 0}, {1.0, 0.8, 0.9, 0.7, 0.7, 0.8, 0.1});
  EXPECT_EQ(watched.best, (std::vector<int64_t>{1, 2, 4}));
  EXPECT_EQ(watched.epochs, 6);  // 5 and 6 are no better than 4; 7 is never seen
  EXPECT_EQ(watched.reason, "stopped: no improvement in 2 epochs; the best was 0.7000 in epoch 4");
}

TEST(Step11, MinDeltaIsWhatCounts) {
  // Always a little better, never by a tenth.
  const Watched watched = watch({3, 0.1}, {1.0, 0.95, 0.91, 0.905});
  EXPECT_EQ(watched.best, (std::vector<int64_t>{1}));
  EXPECT_EQ(watched.epochs, 4);
  EXPECT_EQ(watch({3, 0.1}, {1.0, 0.95, 0.85, 0.905}).best, (std::vector<int64_t>{1, 3}));
}

TEST(Step11, NanStopsAtOnceAndIsNeverTheBest) {
  const Watched watched = watch({5, 0}, {1.0, 0.5, NAN, 0.1});
  EXPECT_EQ(watched.best, (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(watched.epochs, 3);
  EXPECT_EQ(watched.reason, "stopped: the loss is not finite; the best was 0.5000 in epoch 2");
}

TEST(Step11, NanInTheFirstEpochLeavesNoBest) {
  EXPECT_EQ(
      watch({5, 0}, {NAN}).reason,
      "stopped: the loss is not finite; no epoch was of any use, the weights are as they were");
}

TEST(Step11, RunningOutOfEpochsIsAReasonToo) {
  EXPECT_EQ(watch({5, 0}, {1.0, 0.5, 0.6}).reason,
            "all epochs done; the best was 0.5000 in epoch 2");
}

// What a data set holds, as the sums of its pictures: close enough to a name for each.
std::multiset<double> pictures(ImageDataset dataset) {
  std::multiset<double> sums;
  for (size_t i = 0; i < *dataset.size(); ++i) {
    sums.insert(dataset.get(i).data.to(torch::kFloat64).sum().item<double>());
  }
  return sums;
}

TEST(Step11, TheSplitHasEveryPictureOnce) {
  const ImageDataset whole = sample().train;
  const Splits splits = split(whole, 0.1, 7);
  EXPECT_EQ(*splits.validation.size(), 200);
  EXPECT_EQ(*splits.train.size(), 1800);
  std::multiset<double> both = pictures(splits.train);
  both.merge(pictures(splits.validation));
  EXPECT_EQ(both, pictures(whole));
}

TEST(Step11, TheSplitDependsOnItsSeedAlone) {
  const ImageDataset whole = sample().train;
  torch::manual_seed(1);
  const auto first = pictures(split(whole, 0.1, 7).validation);
  torch::manual_seed(2);
  EXPECT_EQ(first, pictures(split(whole, 0.1, 7).validation));
  EXPECT_NE(first, pictures(split(whole, 0.1, 8).validation));
}

TEST(Step11, NeitherPartIsEverEmpty) {
  const ImageDataset three = sample().train.subset(torch::arange(3));
  EXPECT_EQ(*split(three, 0.001, 0).validation.size(), 1);
  EXPECT_EQ(*split(three, 0.999, 0).train.size(), 1);
}

TEST(Step11, TrainingEndsWithTheBestWeightsInTheModelAndInTheFile) {
  std::string name = (fs::temp_directory_path() / "course-step11-XXXXXX").string();
  const fs::path folder = mkdtemp(name.data());
  spdlog::set_level(spdlog::level::off);
  Config config;
  config.optimizer = "adam";
  config.learning_rate = 0.003;
  config.dropout = 0;
  config.validation = 0.9;
  config.epochs = 15;
  config.patience = 3;
  const Seeds seeds = make_seeds(0);
  const DataSets data = sample();
  const Splits splits = split(data.train, config.validation, seeds.split);
  torch::manual_seed(seeds.weights);
  const auto model = create_model(config);
  History history;
  {
    MetricsFile metrics(folder, {"train_loss", "val_loss", "val_accuracy"});
    history = train(*model, splits, torch::kCPU, config, seeds, metrics, folder);
  }
  spdlog::set_level(spdlog::level::info);
  const auto best =
      std::min_element(history.validation_loss.begin(), history.validation_loss.end());
  EXPECT_EQ(history.best_epoch, best - history.validation_loss.begin() + 1);
  EXPECT_EQ(history.best_epoch + 3, static_cast<int64_t>(history.epochs.size()))
      << "three epochs without improvement end it; if not, this test has seen no overfitting";
  EXPECT_EQ(evaluate(*model, splits.validation, torch::kCPU, 64).loss(), *best);
  const Checkpoint kept = load_checkpoint(folder / "model.pt");
  EXPECT_EQ(kept.epoch, history.best_epoch);
  EXPECT_EQ(fingerprint(*kept.model), fingerprint(*model));
  course::remove_tree(folder);
}

}  // namespace
