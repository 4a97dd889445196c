// Runs with the callback of stop_file.h, in which a file appears at some batch.
#include "stop_file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <functional>

namespace {

namespace fs = std::filesystem;

// Counts its batches, and lets something happen in each.
class Counting : public lit::LightningModule {
 public:
  explicit Counting(std::function<void(int64_t)> happens = [](int64_t) {})
      : happens_(std::move(happens)) {}
  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    happens_(++batches);
    return (w_ * batch[0]).mean();
  }
  lit::StepOutput validation_step(const lit::Batch&, int64_t, int64_t) override {
    if (on_validation) on_validation();
    return {};
  }
  lit::Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(parameters(), 0.1);
  }
  int64_t batches = 0;
  std::function<void()> on_validation;

 private:
  std::function<void(int64_t)> happens_;
  torch::Tensor w_ = register_parameter("w", torch::ones({}));
};

course::InMemoryLoader ten_batches() {
  return {torch::ones({10, 1}), torch::zeros({10}, torch::kInt64), {.batch_size = 1}};
}

class WithAFile : public ::testing::Test {
 protected:
  void SetUp() override { fs::remove(path_); }
  void TearDown() override { fs::remove(path_); }
  void put_file() const { std::ofstream(path_) << ""; }
  // Two epochs of ten batches, unless something ends them.
  void fit(const std::shared_ptr<Counting>& module) const {
    lit::Trainer trainer({.accelerator = "cpu",
                          .logger = false,
                          .callbacks = {std::make_shared<StopFile>(path_)},
                          .max_epochs = 2,
                          .enable_checkpointing = false,
                          .enable_progress_bar = false,
                          .enable_model_summary = false});
    trainer.fit(module, ten_batches(), ten_batches());
  }
  const fs::path path_ = fs::current_path() / "stop";
};

TEST_F(WithAFile, EndsTheRunAfterTheBatchAtHand) {
  const auto module = std::make_shared<Counting>([&](int64_t batch) {
    if (batch == 3) put_file();
  });
  fit(module);
  EXPECT_EQ(module->batches, 3) << "The file appeared in the third of twenty batches";

  const auto validated = std::make_shared<Counting>();
  validated->on_validation = [&] {
    if (validated->batches == 10) put_file();
  };
  fit(validated);
  EXPECT_LE(validated->batches, 11)
      << "The file appeared in the validation behind the tenth of twenty batches";
}

TEST_F(WithAFile, AFileFromBeforeDoesNotCount) {
  put_file();
  const auto module = std::make_shared<Counting>();
  fit(module);
  EXPECT_EQ(module->batches, 20) << "The file was there before the run began";
  const auto checked = std::make_shared<Counting>();
  checked->on_validation = [&] {
    if (checked->batches == 0) put_file();
  };
  fit(checked);
  EXPECT_EQ(checked->batches, 20) << "The file appeared in the check before training";
}

TEST_F(WithAFile, TakesTheFileAway) {
  fit(std::make_shared<Counting>([&](int64_t batch) {
    if (batch == 3) put_file();
  }));
  EXPECT_FALSE(fs::exists(path_)) << "The file that ended the run is still there";
}

TEST_F(WithAFile, IsQuietWithoutOne) {
  const auto module = std::make_shared<Counting>();
  EXPECT_NO_THROW(fit(module));
  EXPECT_EQ(module->batches, 20);
}

}  // namespace
