// The callbacks of the core: early stopping by Lightning's numbers, the summary, the progress bar.
#include <cmath>
#include <sstream>

#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/model_summary.h"
#include "lit/callbacks/progress_bar.h"
#include "testing.h"

namespace lit {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Line;
using testing::Messages;
using testing::numbers;
using testing::quiet;

// Keeps what the library says off the console.
class Quiet : public ::testing::Test {
 protected:
  Messages messages_;
};
class Bar : public Quiet {};
class Summary : public Quiet {};
class Callbacks : public Quiet {};

class EarlyStop : public Quiet {
 protected:
  // Logs these values, one for each epoch, and returns the index of the last epoch.
  int64_t last_epoch(const std::vector<double>& values, EarlyStoppingOptions options) {
    options.monitor = "m";
    options.verbose = true;
    stopping_ = callback<EarlyStopping>(options);
    Trainer trainer(
        quiet({.callbacks = {stopping_}, .max_epochs = static_cast<int64_t>(values.size())}));
    const auto module = std::make_shared<Line>();
    module->on_epoch_end = [&](Line& self) {
      self.log("m", values[static_cast<size_t>(self.current_epoch())]);
    };
    trainer.fit(module, numbers(1));
    return trainer.current_epoch() - 1;
  }
  std::shared_ptr<EarlyStopping> stopping_;
};

// Lightning's numbers.
TEST_F(EarlyStop, Patience) {
  EXPECT_EQ(last_epoch({6, 5, 5, 5, 5, 5}, {.patience = 3}), 4);
  EXPECT_EQ(last_epoch({6, 5, 4, 4, 3, 3}, {.patience = 1}), 3);
  EXPECT_EQ(last_epoch({6, 5, 6, 5, 5, 5}, {.patience = 3}), 4);
  EXPECT_EQ(last_epoch({6, 5, 5, 5}, {.patience = 0}), 2);
  EXPECT_EQ(last_epoch({1, 2, 3, 2, 2}, {.patience = 2, .mode = "max"}), 4);
}

TEST_F(EarlyStop, MinDeltaIsStrict) {
  EXPECT_EQ(last_epoch({5, 4.95, 4.9, 4.85, 4.8}, {.min_delta = 0.1, .patience = 2}), 2);
}

TEST_F(EarlyStop, Thresholds) {
  EXPECT_EQ(last_epoch({9, 8, 7, 3, 2}, {.stopping_threshold = 5.0}), 3);
  EXPECT_EQ(stopping_->stopping_reason(), EarlyStopping::Reason::stopping_threshold);
  EXPECT_EQ(last_epoch({5, 5, 5}, {.patience = 9, .stopping_threshold = 5.0}), 2)
      << "equal is not better";
  EXPECT_EQ(last_epoch({5, 5, 20, 1}, {.patience = 9, .divergence_threshold = 10.0}), 2);
  EXPECT_EQ(stopping_->stopping_reason(), EarlyStopping::Reason::divergence_threshold);
  EXPECT_EQ(last_epoch({1, NAN, 1}, {}), 1);
  EXPECT_EQ(stopping_->stopping_reason(), EarlyStopping::Reason::non_finite);
  EXPECT_EQ(stopping_->best_score(), 1);
}

TEST_F(EarlyStop, SaysWhatLightningSays) {
  last_epoch({6, 5, 5, 5, 5}, {.patience = 3});
  EXPECT_THAT(messages_.infos,
              ElementsAre("Metric m improved. New best score: 6.000",
                          "Metric m improved by 1.000 >= min_delta = 0. New best score: 5.000",
                          "Monitored metric m did not improve in the last 3 records. Best score: "
                          "5.000. Signaling Trainer to stop.",
                          "Trainer.fit stopped: max_epochs=5 reached."));
  EXPECT_EQ(stopping_->stopped_epoch(), 4);
  EXPECT_EQ(stopping_->stopping_reason(), EarlyStopping::Reason::patience_exhausted);
}

TEST_F(EarlyStop, StateGoesOnWhereItWas) {
  EXPECT_EQ(stopping_, nullptr);
  last_epoch({6, 5, 5}, {.patience = 7});
  EXPECT_EQ(stopping_->state_key(), "EarlyStopping{'monitor': 'm', 'mode': 'min'}");
  EarlyStopping other({.monitor = "m"});
  other.load_state_dict(stopping_->state_dict());
  EXPECT_EQ(other.wait_count(), 1);
  EXPECT_EQ(other.best_score(), 5);
  EXPECT_EQ(other.options().patience, 3) << "what is given now counts; Lightning takes the 7";
}

TEST_F(EarlyStop, ChecksAfterValidationWhereThatIsNotOnceAnEpoch) {
  const auto stopping = callback<EarlyStopping>({.monitor = "v", .patience = 2});
  Trainer trainer(quiet({.callbacks = {stopping}, .max_epochs = 5, .val_check_interval = 2}));
  const auto module = std::make_shared<Line>();
  module->on_validation = [](Line& self, const Batch&, int64_t, int64_t) { self.log("v", 1.0); };
  trainer.fit(module, numbers(10), numbers(1));
  EXPECT_EQ(trainer.global_step(), 6) << "one best, two without improvement, every two batches";
}

TEST_F(EarlyStop, NotStrict) {
  Trainer trainer(quiet({.callbacks = {callback<EarlyStopping>({.monitor = "x", .strict = false})},
                         .max_epochs = 2}));
  trainer.fit(std::make_shared<Line>(), numbers(1));
  EXPECT_EQ(trainer.current_epoch(), 2);
}

// Made to be derived from: stops at the third check, whatever the metric.
class Third : public EarlyStopping {
 public:
  using EarlyStopping::EarlyStopping;

 protected:
  Decision evaluate(double) override {
    return {++checks_ == 3, Reason::patience_exhausted, "three is enough"};
  }

 private:
  int checks_ = 0;
};

TEST_F(EarlyStop, Derived) {
  const auto third = callback<Third>({.monitor = "m"});
  Trainer trainer(quiet({.callbacks = {third}, .max_epochs = 9}));
  const auto module = std::make_shared<Line>();
  module->on_epoch_end = [](Line& self) { self.log("m", 0); };
  trainer.fit(module, numbers(1));
  EXPECT_EQ(trainer.current_epoch(), 3);
  EXPECT_EQ(third->stopping_reason_message(), "three is enough");
  EXPECT_EQ(third->state_key(), "Third{'monitor': 'm', 'mode': 'min'}");
}

// Two stacks, one frozen weight, five loose parameters: Lightning's example.
TEST_F(Summary, IsLightnings) {
  class Model : public LightningModule {
   public:
    Model() {
      const auto stack = [](int64_t in, int64_t out) {
        return torch::nn::Sequential(torch::nn::Linear(in, 128), torch::nn::ReLU(),
                                     torch::nn::Linear(128, out));
      };
      enc = register_module("enc", stack(784, 3));
      dec = register_module("dec", stack(3, 784));
      register_parameter("loose", torch::zeros({5}));
      enc[2]->parameters()[0].set_requires_grad(false);
    }
    torch::nn::Sequential enc{nullptr}, dec{nullptr};
  };
  const Model model;
  EXPECT_EQ(summarize(model),
            "   Name          Type        Params  Mode\n"
            "─  ────────────  ──────────  ──────  ─────\n"
            "0  enc           Sequential   100 K  train\n"
            "1  dec           Sequential   101 K  train\n"
            "   other params  n/a              5  n/a\n"
            "─  ────────────  ──────────  ──────  ─────\n"
            "202 K     Trainable params\n"
            "384       Non-trainable params\n"
            "202 K     Total params\n"
            "0.810     Total estimated model params size (MB)\n"
            "8         Modules in train mode\n"
            "0         Modules in eval mode\n");
  EXPECT_THAT(summarize(model, -1), HasSubstr("enc.2 "));
  EXPECT_THAT(summarize(model, -1), HasSubstr("Linear"));
  EXPECT_EQ(summarize(model, 0).find("enc"), std::string::npos);
  EXPECT_THAT(error_of([&] { summarize(model, -2); }), HasSubstr("max_depth of a summary is -2"));
}

TEST_F(Summary, IsPrintedWhenFitStarts) {
  ::testing::internal::CaptureStdout();
  Trainer trainer(
      {.accelerator = "cpu", .logger = false, .max_epochs = 0, .enable_progress_bar = false});
  trainer.fit(std::make_shared<Line>(), numbers(1));
  EXPECT_THAT(::testing::internal::GetCapturedStdout(), HasSubstr("1         Trainable params\n"));
}

double now = 0;

TEST_F(Bar, OneLineForEachEpochInAPipe) {
  std::ostringstream stream;
  now = 100;
  const course::ProgressOutput pipe{
      &stream, {.interactive = false, .width = 80}, [] { return now; }};
  auto options = quiet({.callbacks = {std::make_shared<ProgressBar>(pipe)}, .max_epochs = 2});
  options.enable_progress_bar = true;
  Trainer trainer(options);
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line& self, const Batch& batch, int64_t, const torch::Tensor&) {
    now += 0.5;
    self.log("loss", batch[0].mean(), {.prog_bar = true, .on_step = true, .on_epoch = true});
    self.log("hidden", 1);
  };
  trainer.fit(module, numbers(4), numbers(1));
  EXPECT_EQ(stream.str(),
            "Epoch 0/1  loss_epoch=2.5000, loss_step=4.0000  (2.0 s, 2.0 batches/s)\n"
            "Epoch 1/1  loss_epoch=2.5000, loss_step=4.0000  (2.0 s, 2.0 batches/s)\n");
  stream.str("");
  trainer.test(module, numbers(3), {.verbose = false});
  EXPECT_THAT(stream.str(), ::testing::StartsWith("Testing DataLoader 0"));
}

TEST_F(Bar, OnATerminalItIsRedrawnByTheClock) {
  std::ostringstream stream;
  now = 100;
  const course::ProgressOutput terminal{
      &stream, {.interactive = true, .width = 80}, [] { return now; }};
  auto options = quiet({.callbacks = {std::make_shared<ProgressBar>(terminal)}, .max_epochs = 1});
  options.enable_progress_bar = true;
  Trainer trainer(options);
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line& self, const Batch& batch, int64_t, const torch::Tensor&) {
    now += 0.01;
    self.log("loss", batch[0].mean(), {.prog_bar = true});
  };
  trainer.fit(module, numbers(100));
  const std::string text = stream.str();
  // Drawn first after 0.2 s, then ten times a second: of a hundred batches in a second, not a
  // tenth.
  const auto draws = static_cast<size_t>(std::count(text.begin(), text.end(), '\r'));
  EXPECT_GE(draws, 5U);
  EXPECT_LE(draws, 25U);
  EXPECT_THAT(text, HasSubstr("20/100  loss=20.0000"));
}

TEST_F(Bar, OneIsEnough) {
  const auto bar = [] { return std::make_shared<ProgressBar>(); };
  EXPECT_THAT(error_of([&] {
                Trainer trainer({.accelerator = "cpu", .callbacks = {bar(), bar()}});
              }),
              HasSubstr("more than one progress bar"));
  EXPECT_THAT(
      error_of([&] {
        Trainer trainer({.accelerator = "cpu", .callbacks = {bar()}, .enable_progress_bar = false});
      }),
      HasSubstr("enable_progress_bar is false, but"));
}

TEST_F(Callbacks, OrderAndReplacement) {
  struct A : Callback {};
  struct B : Callback {};
  struct Check : Callback {
    bool is_checkpoint() const override { return true; }
  };
  class Brings : public Line {
   public:
    std::vector<std::shared_ptr<Callback>> configure_callbacks() override {
      return {own, std::make_shared<Check>()};
    }
    std::shared_ptr<A> own = std::make_shared<A>();
  };
  const auto a = std::make_shared<A>();
  const auto b = std::make_shared<B>();
  const auto check = std::make_shared<Check>();
  Trainer trainer({.accelerator = "cpu",
                   .logger = false,
                   .callbacks = {check, a, b},
                   .max_epochs = 0,
                   .max_time = std::chrono::hours(1),
                   .enable_checkpointing = false});
  ASSERT_EQ(trainer.callbacks().size(), 6U);
  EXPECT_EQ(trainer.callbacks()[0], a);
  EXPECT_EQ(trainer.callbacks()[1], b);
  EXPECT_NE(std::dynamic_pointer_cast<ProgressBar>(trainer.callbacks()[3]), nullptr);
  EXPECT_EQ(trainer.callbacks()[5], check);
  const auto module = std::make_shared<Brings>();
  ::testing::internal::CaptureStdout();
  for (int run = 0; run < 2; ++run) {
    trainer.fit(module, numbers(1));
    ASSERT_EQ(trainer.callbacks().size(), 6U);
    EXPECT_EQ(trainer.callbacks()[0], b);
    EXPECT_EQ(trainer.callbacks()[4], module->own);
    EXPECT_NE(trainer.callbacks()[5], check);
  }
  ::testing::internal::GetCapturedStdout();
  EXPECT_THAT(messages_.infos,
              ::testing::Contains("the module's A takes the place of the Trainer's"));
}

TEST_F(Callbacks, TwoWithStateNeedTwoKeys) {
  const auto stop = [](const char* monitor) {
    return callback<EarlyStopping>({.monitor = monitor});
  };
  EXPECT_THAT(
      error_of([&] {
        Trainer trainer(quiet({.callbacks = {stop("a"), stop("a")}}));
      }),
      HasSubstr("two callbacks have the state_key EarlyStopping{'monitor': 'a', 'mode': 'min'}"));
  const Trainer fine(quiet({.callbacks = {stop("a"), stop("b")}}));
}

TEST_F(Callbacks, OutOfFunctions) {
  std::vector<std::string> calls;
  Trainer trainer(
      quiet({.callbacks = {callback<LambdaCallback>(
                 {.setup = [&](Trainer&, LightningModule&,
                               const std::string& stage) { calls.push_back("setup " + stage); },
                  .on_train_batch_end =
                      [&](Trainer&, LightningModule&, const StepOutput& outputs, const Batch&,
                          int64_t idx) {
                        calls.push_back("batch " + std::to_string(idx));
                        EXPECT_TRUE(outputs.loss.defined());
                      },
                  .on_before_optimizer_step =
                      [&](Trainer&, LightningModule& module, torch::optim::Optimizer&) {
                        EXPECT_TRUE(module.parameters()[0].grad().defined());
                        calls.push_back("step");
                      }})},
             .max_epochs = 1}));
  trainer.fit(std::make_shared<Line>(), numbers(2));
  EXPECT_THAT(calls, ElementsAre("setup fit", "step", "batch 0", "step", "batch 1"));
}

}  // namespace
}  // namespace lit
