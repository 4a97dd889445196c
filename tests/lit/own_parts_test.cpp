// The parts of docs/own_project.md, as a project of somebody else's writes them.
#include <filesystem>
#include <iostream>
#include <sstream>

#include "lit/lit.h"
#include "testing.h"

namespace {

using lit::testing::Line;
using lit::testing::numbers;
using lit::testing::quiet;

// region callback
class Beep : public lit::Callback {
 public:
  void on_train_epoch_end(lit::Trainer& trainer, lit::LightningModule&) override {
    if (trainer.current_epoch() % 10 == 9) std::cout << '\a';
  }
};
// endregion

// region metric
class ShareOfZeros : public lit::Metric {
 public:
  ShareOfZeros() {
    add_state("zeros", torch::tensor(0, torch::kInt64), lit::StateReduce::sum);
    add_state("all", torch::tensor(0, torch::kInt64), lit::StateReduce::sum);
  }

 protected:
  void update_state(const lit::Batch& inputs) override {
    state("zeros") += inputs[0].eq(0).sum();
    state("all") += inputs[0].numel();
  }
  torch::Tensor compute_state() override { return state("zeros") / state("all"); }
};
// endregion

// region logger
class Printer : public lit::Logger {
 public:
  void log_metrics(const std::map<std::string, double>& metrics, int64_t step) override {
    for (const auto& [name, value] : metrics) {
      std::cout << step << ' ' << name << ' ' << value << '\n';
    }
  }
};
// endregion

// region strategy
class CountedSteps : public lit::SingleDeviceStrategy {
 public:
  CountedSteps() : lit::SingleDeviceStrategy(torch::kCPU) {}
  lit::StepOutput training_step(lit::LightningModule& module, const lit::Batch& batch,
                                int64_t batch_idx) override {
    ++steps;
    return lit::SingleDeviceStrategy::training_step(module, batch, batch_idx);
  }
  int64_t steps = 0;
};
// endregion

TEST(OwnParts, AreCalled) {
  const lit::testing::Messages messages;
  const auto counted = std::make_shared<CountedSteps>();
  auto options = quiet({.max_epochs = 10});
  options.callbacks = {lit::callback<Beep>()};
  options.logger = {std::make_shared<Printer>()};
  options.strategy = counted;
  options.log_every_n_steps = 20;
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line& self, const lit::Batch& batch, int64_t, const torch::Tensor&) {
    self.log("x", batch[0].mean());
  };
  lit::Trainer trainer(options);
  ::testing::internal::CaptureStdout();
  trainer.fit(module, numbers(2));
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "19 epoch 9\n19 x 2\n\a");
  EXPECT_EQ(counted->steps, 20);
}

TEST(OwnParts, AMetricCounts) {
  ShareOfZeros share;
  share.update(torch::tensor({0, 1, 0, 3}));
  share.update(torch::tensor({0, 0, 0, 0}));
  EXPECT_EQ(share.compute().item<float>(), 0.75F);
}

class Saved : public lit::LightningModule {
 public:
  Saved() { w_ = register_parameter("w", torch::ones({1})); }
  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    log("loss", w_.detach().mean(), {.on_epoch = true});
    return (w_ * batch[0].mean()).sum();
  }
  lit::StepOutput test_step(const lit::Batch&, int64_t, int64_t) override { return {}; }
  lit::Batch predict_step(const lit::Batch& batch, int64_t, int64_t) override {
    return w_ * batch[0];
  }
  lit::Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(parameters(), 0.1);
  }

 private:
  torch::Tensor w_;
};

TEST(OwnParts, ResumeTestAndPredict) {
  const lit::testing::Messages messages;
  const auto folder = std::filesystem::path(::testing::TempDir()) / "own_parts";
  std::filesystem::create_directories(folder);
  const auto train = numbers(2), test = numbers(1), unseen = numbers(3);
  auto options = quiet({.max_epochs = 1});
  options.enable_checkpointing = true;
  options.callbacks = {lit::callback<lit::ModelCheckpoint>(
      {.dirpath = folder, .monitor = "loss_epoch", .save_last = lit::SaveLast::yes})};
  lit::Trainer first(options);
  first.fit(std::make_shared<Saved>(), train);
  const std::string last = folder / "last.ckpt", best = last;

  options.max_epochs = 2;
  lit::Trainer trainer(options);
  const auto module = std::make_shared<Saved>();
  // region resume
  trainer.fit(module, train, {}, {.ckpt_path = last});          // goes on where that run stopped
  trainer.test(module, test, {.ckpt_path = "best"});            // with the best weights of this run
  const auto trained = lit::load_from_checkpoint<Saved>(best);  // in another program
  const std::vector<std::vector<lit::Batch>> predictions =      // of each loader, of each batch
      trainer.predict(trained, unseen);
  // endregion
  EXPECT_EQ(trainer.current_epoch(), 2);
  ASSERT_EQ(predictions.size(), 1U);
  EXPECT_EQ(predictions[0].size(), 3U);
}

}  // namespace
