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

// region classifier
class Classifier : public lit::LightningModule {
 public:
  Classifier() {
    net_ = register_module("net", torch::nn::Sequential(torch::nn::Linear(2, 32), torch::nn::ReLU(),
                                                        torch::nn::Linear(32, 3)));
    accuracy_ = register_module(
        "accuracy", lit::metric<lit::Accuracy>({.task = "multiclass", .num_classes = 3}));
  }

  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    const auto [x, y] = batch.unpack<2>();
    const auto loss = torch::nn::functional::cross_entropy(net_->forward(x), y);
    log("train_loss", loss, {.prog_bar = true});
    return loss;
  }
  lit::StepOutput validation_step(const lit::Batch& batch, int64_t, int64_t) override {
    const auto [x, y] = batch.unpack<2>();
    accuracy_->update(net_->forward(x), y);
    log("val_acc", accuracy_, {.prog_bar = true});
    return {};
  }
  lit::Batch predict_step(const lit::Batch& batch, int64_t, int64_t) override {
    return net_->forward(batch[0]).softmax(1);
  }
  lit::Optimizers configure_optimizers() override {
    const auto adam = std::make_shared<lit::Adam>(parameters(), 1e-2);
    return lit::OptimizerConfig{
        .optimizer = adam,
        .lr_scheduler = {{.scheduler = std::make_shared<lit::StepLR>(adam, 10, 0.5)}}};
  }

 private:
  torch::nn::Sequential net_{nullptr};
  std::shared_ptr<lit::Accuracy> accuracy_;
};
// endregion

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

TEST(OwnParts, AClassifierLearns) {
  const lit::testing::Messages messages;
  torch::manual_seed(0);
  const auto folder = std::filesystem::path(::testing::TempDir()) / "own_classifier";
  const auto y = torch::arange(300) % 3;
  const auto x = torch::randn({300, 2}) * 0.3 + torch::stack({y == 1, y == 2}, 1) * 2;
  const lit::InMemoryLoader train(x, y, {.batch_size = 32, .shuffle = true});
  const lit::InMemoryLoader val(x, y, {.batch_size = 100});
  ::testing::internal::CaptureStderr();
  // region options
  lit::Trainer trainer(
      {.accelerator = "cpu",
       .logger = {std::make_shared<lit::CSVLogger>(
           lit::CSVLoggerOptions{.save_dir = folder.string()})},
       .callbacks = {lit::callback<lit::EarlyStopping>(
                         {.monitor = "val_acc", .patience = 5, .mode = lit::MonitorMode::max}),
                     lit::callback<lit::ModelCheckpoint>({.dirpath = folder / "checkpoints",
                                                          .monitor = "val_acc",
                                                          .save_last = lit::SaveLast::yes,
                                                          .mode = lit::MonitorMode::max})},
       .max_epochs = 20});
  trainer.fit(std::make_shared<Classifier>(), train, val);
  // endregion
  ::testing::internal::GetCapturedStderr();
  EXPECT_GT(trainer.callback_metrics().at("val_acc").value(), 0.95);
  EXPECT_TRUE(std::filesystem::exists(folder / "checkpoints" / "last.ckpt"));
}

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
  trainer.fit(module, train, /*val_dataloaders=*/{},
              {.ckpt_path = last});                             // goes on where that run stopped
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
