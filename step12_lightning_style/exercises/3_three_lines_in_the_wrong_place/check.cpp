// Trains the module of lit_line.h, whose numbers can be worked out by hand.
#include "lit_line.h"

#include <gtest/gtest.h>

namespace {

course::InMemoryLoader loader(const std::vector<float>& values, int64_t batch_size) {
  return {torch::tensor(values).unsqueeze(1),
          torch::zeros({static_cast<int64_t>(values.size())}, torch::kInt64),
          {.batch_size = batch_size}};
}

// What was true at the end of each epoch.
struct Seen : lit::Callback {
  void on_train_batch_start(lit::Trainer& trainer, lit::LightningModule&, const lit::Batch&,
                            int64_t) override {
    rates.push_back(trainer.optimizers()[0]->param_groups()[0].options().get_lr());
  }
  void on_train_end(lit::Trainer& trainer, lit::LightningModule&) override {
    for (const auto& [name, value] : trainer.callback_metrics()) last[name] = value.value();
  }
  std::vector<double> rates;
  std::map<std::string, double> last;
};

// Epochs of two batches with a mean of 0: the weight goes down by the rate, and up again.
std::shared_ptr<Seen> train(int64_t epochs, const std::vector<float>& values,
                            const std::vector<float>& validation) {
  const auto seen = std::make_shared<Seen>();
  lit::Trainer trainer({.accelerator = "cpu",
                        .logger = false,
                        .callbacks = {seen},
                        .max_epochs = epochs,
                        .num_sanity_val_steps = 1,
                        .enable_checkpointing = false,
                        .enable_progress_bar = false,
                        .enable_model_summary = false});
  trainer.fit(std::make_shared<LitLine>(), loader(values, 1), loader(validation, 1));
  return seen;
}

TEST(LitLine, TheRateFallsAfterEachEpoch) {
  EXPECT_EQ(train(3, {1, -1}, {1})->rates, (std::vector<double>{1, 1, 0.5, 0.5, 0.25, 0.25}))
      << "Two batches in each of three epochs";
}

TEST(LitLine, TheTrainingLossIsThatOfTheEpoch) {
  // w is 10 in the first batch, and 10 - 1 * 1 = 9 in the second: losses of 10 * 1 and 9 * 3.
  EXPECT_NEAR(train(1, {1, 3}, {1})->last["train_loss"], (10 + 27) / 2.0, 1e-5)
      << "Losses of 10 and 27 in the epoch's two batches";
}

TEST(LitLine, TheBestIsOfTheTrainingAlone) {
  // The check before training sees the first batch alone, a loss of -100; after an epoch of 1, -1
  // the weight is 10 again, and the loss of both is 10 * mean(-10, 30) = 100.
  EXPECT_NEAR(train(1, {1, -1}, {-10, 30})->last["val_loss_best"], 100, 1e-4)
      << "-100 is what the check before training saw";
  // Two epochs in which it rises, by 2 and by 1.
  EXPECT_NEAR(train(2, {-1, -1}, {-10, 30})->last["val_loss_best"], 120, 1e-4)
      << "The weight is 12 after the first epoch and 13 after the second: losses of 120 and 130";
}

}  // namespace
