// Trains, takes the snapshot of snapshot.h, trains on, goes back.
#include "snapshot.h"

#include <gtest/gtest.h>

namespace {

// One number, pushed by 1 in every step; with momentum each step is longer than the one before.
struct Training {
  torch::nn::Linear model{torch::nn::LinearOptions(1, 1).bias(false)};
  torch::optim::SGD optimizer{model->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9)};

  Training() { model->weight.detach().zero_(); }
  void step() {
    optimizer.zero_grad();
    model(torch::ones({1, 1})).sum().backward();
    optimizer.step();
  }
  double weight() const { return model->weight.item<double>(); }
};

TEST(Snapshot, GoesOnAsIfNothingHadHappened) {
  Training whole, resumed;
  for (int i = 0; i < 4; ++i) whole.step();
  for (int i = 0; i < 2; ++i) resumed.step();
  const Snapshot snapshot = take_snapshot(*resumed.model, resumed.optimizer, 1);
  Training later;  // as after a restart: all is new
  go_back(snapshot, *later.model, later.optimizer);
  for (int i = 0; i < 2; ++i) later.step();
  EXPECT_NEAR(later.weight(), whole.weight(), 1e-7)
      << "Two steps, a snapshot, and two more from it must be four steps";
}

TEST(Snapshot, IsACopy) {
  Training training;
  for (int i = 0; i < 2; ++i) training.step();
  const double weight = training.weight();
  const Snapshot snapshot = take_snapshot(*training.model, training.optimizer, 1);
  training.step();
  const double next = training.weight();
  for (int i = 0; i < 5; ++i) training.step();
  go_back(snapshot, *training.model, training.optimizer);
  EXPECT_NEAR(training.weight(), weight, 1e-7)
      << "The weight when the snapshot was taken; training went on since";
  training.step();
  EXPECT_NEAR(training.weight(), next, 1e-7) << "The step after it, taken once more";
}

TEST(Snapshot, KnowsTheEpoch) {
  Training training;
  training.step();
  EXPECT_EQ(go_back(take_snapshot(*training.model, training.optimizer, 5), *training.model,
                    training.optimizer),
            6)
      << "Taken at the end of epoch 5: 6 is next";
}

}  // namespace
