// When fit stops, validates, accumulates and steps schedulers: Lightning's numbers, as its own runs
// gave them.
#include <cmath>

#include "device/denormals.h"
#include "lit/callbacks/early_stopping.h"
#include "testing.h"

namespace lit {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Line;
using testing::ListLoader;
using testing::Messages;
using testing::numbers;
using testing::quiet;

using Integers = std::vector<int64_t>;

class Fit : public ::testing::Test {
 protected:
  // Fits a Line on so many batches; `stop_at`: sets should_stop when global_step has that value.
  void fit(TrainerOptions options, int64_t batches, int64_t stop_at = -1, int64_t val_batches = 1) {
    options.num_sanity_val_steps = 0;
    trainer_ = std::make_unique<Trainer>(quiet(std::move(options)));
    module_ = std::make_shared<Line>();
    if (configure_) module_->configure = configure_;
    module_->on_step = [stop_at](Line& module, const Batch&, int64_t, const torch::Tensor&) {
      // The step under way will be number global_step + 1.
      if (module.global_step() + 1 == stop_at) module.trainer().should_stop = true;
    };
    Loaders val;
    if (val_batches > 0) val = numbers(val_batches);
    trainer_->fit(module_, numbers(batches), val);
  }

  std::function<Optimizers(const std::shared_ptr<torch::optim::SGD>&)> configure_;
  Messages messages_;
  std::unique_ptr<Trainer> trainer_;
  std::shared_ptr<Line> module_;
};

TEST_F(Fit, GradientDescentByHand) {
  fit({.max_epochs = 1}, 3);
  EXPECT_FLOAT_EQ(module_->weight(), 1 - 0.1 * (1 + 2 + 3));
  EXPECT_EQ(trainer_->global_step(), 3);
  EXPECT_EQ(trainer_->current_epoch(), 1);
}

// Five batches an epoch.
TEST_F(Fit, ShouldStopMidEpoch) {
  fit({.max_epochs = 5}, 5, 4);
  EXPECT_EQ(trainer_->global_step(), 4);
  EXPECT_EQ(trainer_->current_epoch(), 1);
  EXPECT_THAT(module_->validated_at, ElementsAre(4));
}

TEST_F(Fit, MinimumsHoldOffAStop) {
  fit({.max_epochs = 9, .min_epochs = 2}, 5, 3);
  EXPECT_EQ(trainer_->global_step(), 10);
  EXPECT_THAT(module_->validated_at, ElementsAre(5, 10));
  EXPECT_THAT(messages_.infos,
              ::testing::Contains(HasSubstr("min_epochs=2 or min_steps=0 has not")));

  fit({.max_epochs = 9, .min_steps = 8}, 5, 3);
  EXPECT_EQ(trainer_->global_step(), 8);
  EXPECT_EQ(trainer_->current_epoch(), 2);
  EXPECT_THAT(module_->validated_at, ElementsAre(5, 8));

  fit({.max_epochs = 9, .min_epochs = 1, .min_steps = 12}, 5, 3);
  EXPECT_EQ(trainer_->global_step(), 12);
  EXPECT_EQ(trainer_->current_epoch(), 3);
  EXPECT_THAT(module_->validated_at, ElementsAre(5, 10, 12));
}

TEST_F(Fit, MaxStepsCutsWithoutValidation) {
  fit({.max_steps = 7}, 5);
  EXPECT_EQ(trainer_->global_step(), 7);
  EXPECT_EQ(trainer_->current_epoch(), 2);
  EXPECT_THAT(module_->validated_at, ElementsAre(5));
  EXPECT_THAT(messages_.infos, ElementsAre("Trainer.fit stopped: max_steps=7 reached."));
}

TEST_F(Fit, MaxStepsCountsOptimizerSteps) {
  fit({.max_epochs = 3, .max_steps = 7, .accumulate_grad_batches = 2}, 5);
  EXPECT_EQ(trainer_->global_step(), 7);
  EXPECT_EQ(module_->batches.size(), 12U);
  EXPECT_THAT(module_->validated_at, ElementsAre(3, 6));
}

TEST_F(Fit, NothingToDo) {
  for (const TrainerOptions& options :
       {TrainerOptions{.max_epochs = 0}, TrainerOptions{.max_steps = 0},
        TrainerOptions{.max_epochs = 1, .limit_train_batches = 0}}) {
    fit(options, 5);
    EXPECT_THAT(module_->batches, IsEmpty());
    EXPECT_EQ(trainer_->state().status, TrainerState::Status::finished);
  }
}

TEST_F(Fit, AThousandEpochsUnlessSomethingIsSaid) {
  fit({}, 1, 3, 0);
  EXPECT_EQ(trainer_->max_epochs(), 1000);
  EXPECT_THAT(messages_.warnings, ::testing::Contains(HasSubstr("ends after 1000 epochs")));
  fit({.max_epochs = -1}, 1, 3, 0);
  EXPECT_EQ(trainer_->max_epochs(), -1);
  EXPECT_EQ(trainer_->global_step(), 3);
}

TEST_F(Fit, MaxTimeEndsIt) {
  fit({.max_time = std::chrono::milliseconds(50)}, 2, -1, 0);
  EXPECT_GT(trainer_->global_step(), 0);
  EXPECT_THAT(
      messages_.infos,
      ElementsAre("Time limit reached. Elapsed time is 0:00:00. Signaling Trainer to stop."));
  EXPECT_THROW(Duration("1:2"), Error);
  EXPECT_EQ(Duration("01:02:03:04").seconds(), ((24 + 2) * 60 + 3) * 60 + 4);
}

TEST_F(Fit, ASecondFitGoesOn) {
  fit({.max_epochs = 2}, 5);
  trainer_->fit(module_, numbers(5));
  EXPECT_EQ(trainer_->global_step(), 10) << "two epochs are done already";
  trainer_->set_max_epochs(4);
  const auto loader = numbers(5);
  trainer_->fit(module_, loader);
  EXPECT_EQ(trainer_->global_step(), 20);
  EXPECT_THAT(loader->epochs, ElementsAre(2, 3));
}

// Ten batches an epoch.
TEST_F(Fit, ValidationSchedule) {
  const auto at = [&](CheckInterval interval, std::optional<int64_t> epochs, int64_t max_epochs) {
    fit({.max_epochs = max_epochs,
         .val_check_interval = interval,
         .check_val_every_n_epoch = epochs},
        10);
    return module_->validated_at;
  };
  EXPECT_THAT(at(1.0, 1, 1), ElementsAre(10));
  EXPECT_THAT(at(3, 1, 1), ElementsAre(3, 6, 9));
  EXPECT_THAT(at(0.25, 1, 1), ElementsAre(2, 4, 6, 8, 10));
  EXPECT_THAT(at(0.3, 1, 1), ElementsAre(3, 6, 9));
  EXPECT_THAT(at(4, std::nullopt, 2), ElementsAre(4, 8, 12, 16, 20));
  EXPECT_THAT(at(0.5, 2, 2), ElementsAre(15, 20));
  EXPECT_THAT(at(1.0, 2, 4), ElementsAre(20, 40));
  EXPECT_THAT(at(std::chrono::seconds(0), 1, 1), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
  EXPECT_THAT(at(std::chrono::hours(1), 1, 1), IsEmpty());
  EXPECT_THAT(error_of([&] { at(11, 1, 1); }),
              HasSubstr("val_check_interval is 11 batches, but an epoch has only 10"));
}

TEST_F(Fit, AnUnsizedLoaderHasALastBatch) {
  for (const bool sized : {true, false}) {
    Trainer trainer(quiet({.max_epochs = 2, .num_sanity_val_steps = 0}));
    const auto module = std::make_shared<Line>();
    Integers last;
    module->on_step = [&](Line& self, const Batch&, int64_t idx, const torch::Tensor&) {
      if (self.trainer().is_last_batch()) last.push_back(idx);
    };
    trainer.fit(module, numbers(3, 1, sized), numbers(2, 1, sized));
    EXPECT_THAT(last, ElementsAre(2, 2));
    EXPECT_THAT(module->validated_at, ElementsAre(3, 3, 6, 6));
    EXPECT_EQ(trainer.num_training_batches(), sized ? 3 : Trainer::unlimited());
  }
}

// Lightning's numbers.
TEST_F(Fit, Limits) {
  const auto batches = [&](Limit limit) {
    fit({.max_epochs = 1, .limit_train_batches = limit}, 10, -1, 0);
    return static_cast<int64_t>(module_->batches.size());
  };
  EXPECT_EQ(batches(1), 1);
  EXPECT_EQ(batches(1.0), 10);
  EXPECT_EQ(batches(0.25), 2);
  EXPECT_EQ(batches(0.29), 2);
  EXPECT_EQ(batches(0.99), 9);
  EXPECT_EQ(batches(99), 10);
  EXPECT_THAT(
      error_of([&] { batches(0.05); }),
      HasSubstr("limit_train_batches is 0.05 of 10 batches, which is less than one; give at "
                "least 0.1"));
  Trainer half(quiet({.max_epochs = 1, .limit_train_batches = 0.5}));
  EXPECT_THAT(error_of([&] { half.fit(std::make_shared<Line>(), numbers(4, 1, false)); }),
              HasSubstr("the train loader does not tell how many batches it has"));
}

TEST_F(Fit, SanityCheckRunsAFewBatchesAndLeavesNoTrace) {
  Trainer trainer(quiet({.max_epochs = 0, .limit_val_batches = 0.5, .num_sanity_val_steps = 10}));
  const auto module = std::make_shared<Line>();
  int64_t batches = 0;
  module->on_validation = [&](Line& self, const Batch&, int64_t, int64_t) {
    ++batches;
    EXPECT_TRUE(self.trainer().sanity_checking());
    EXPECT_FALSE(self.trainer().validating());
    self.log("val_loss", 1.0);
    torch::rand({100});
  };
  torch::manual_seed(3);
  const torch::Tensor expected = torch::rand({4});
  torch::manual_seed(3);
  trainer.fit(module, numbers(2), numbers(6));
  EXPECT_EQ(batches, 3);
  EXPECT_TRUE(torch::equal(torch::rand({4}), expected)) << "the random stream was moved";
  EXPECT_EQ(trainer.callback_metrics().count("val_loss"), 0U);
}

TEST_F(Fit, FastDevRun) {
  const auto logger = std::make_shared<testing::MemoryLogger>();
  Trainer trainer(quiet({.logger = {logger},
                         .callbacks = {callback<EarlyStopping>({.monitor = "never logged"})},
                         .fast_dev_run = 2,
                         .max_epochs = 9,
                         .limit_train_batches = 0,
                         .check_val_every_n_epoch = 5}));
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line& self, const Batch&, int64_t, const torch::Tensor& loss) {
    self.log("loss", loss);
  };
  trainer.fit(module, numbers(10), numbers(10));
  EXPECT_EQ(module->batches.size(), 2U);
  EXPECT_THAT(module->validated_at, ElementsAre(2, 2));
  EXPECT_EQ(trainer.global_step(), 2);
  EXPECT_TRUE(logger->rows.empty());
  EXPECT_THAT(messages_.infos.front(), HasSubstr("fast_dev_run mode"));
}

TEST_F(Fit, OverfitBatchesSeesTheSameOnes) {
  course::InMemoryLoader shuffled(torch::arange(8, torch::kFloat32).view({8, 1}), torch::zeros({8}),
                                  {.batch_size = 2, .shuffle = true});
  Trainer trainer(quiet({.max_epochs = 2, .overfit_batches = 2}));
  const auto module = std::make_shared<Line>();
  std::vector<float> seen;
  module->on_step = [&](Line&, const Batch& batch, int64_t, const torch::Tensor&) {
    seen.push_back(batch[0].sum().item<float>());
  };
  trainer.fit(module, shuffled, numbers(5));
  EXPECT_THAT(seen, ElementsAre(1, 5, 1, 5));
  EXPECT_EQ(trainer.num_val_batches().front(), 2);
  EXPECT_THAT(messages_.warnings, ::testing::Contains(HasSubstr("overfit_batches: a loader that")));
}

// x = 1..5, loss = w x, lr 0.1, windows of two; the last window has one batch.
TEST_F(Fit, AccumulationByHand) {
  std::vector<double> weights, losses;
  Trainer trainer(quiet({.max_epochs = 1, .accumulate_grad_batches = 2}));
  const auto module = std::make_shared<Line>();
  module->on_step = [&](Line& self, const Batch&, int64_t, const torch::Tensor&) {
    weights.push_back(self.weight());
  };
  struct Keep : Callback {
    std::vector<double>* losses;
    void on_train_batch_end(Trainer&, LightningModule&, const StepOutput& outputs, const Batch&,
                            int64_t) override {
      EXPECT_FALSE(outputs.loss.requires_grad());
      losses->push_back(outputs.loss.item<double>());
    }
  };
  const auto keep = std::make_shared<Keep>();
  keep->losses = &losses;
  auto options = trainer.options();
  options.callbacks = {keep};
  Trainer with(options);
  with.fit(module, numbers(5));
  const std::vector<double> expected{1, 1, 0.85, 0.85, 0.5};
  ASSERT_EQ(weights.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(weights[i], expected[i], 1e-6) << i;
  EXPECT_NEAR(module->weight(), 0.25, 1e-6);
  EXPECT_DOUBLE_EQ(losses.front(), 0.5) << "divided by the window's length";
}

// Five batches, two epochs, halved.
TEST_F(Fit, SchedulerMoments) {
  const auto rates = [&](const std::string& interval, int64_t frequency, int64_t epochs,
                         int64_t accumulate) {
    configure_ = [=](const std::shared_ptr<torch::optim::SGD>& sgd) {
      sgd->param_groups().front().options().set_lr(1);
      return OptimizerConfig{
          .optimizer = sgd,
          .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(sgd, 1, 0.5),
                                            .interval = interval,
                                            .frequency = frequency}};
    };
    fit({.max_epochs = epochs, .accumulate_grad_batches = accumulate}, 5, -1, 0);
    return module_->rates;
  };
  EXPECT_THAT(rates("step", 2, 2, 1), ElementsAre(1, 1, .5, .5, .25, .25, .25, .125, .125, .0625));
  EXPECT_THAT(rates("step", 1, 2, 2),
              ElementsAre(1, 1, .5, .5, .25, .125, .125, .0625, .0625, .03125));
  EXPECT_THAT(rates("epoch", 2, 4, 1),
              ElementsAre(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, .5, .5, .5, .5, .5, .5, .5, .5, .5, .5));
}

TEST_F(Fit, APlateauSchedulerSeesWhatTheEpochsEndLogs) {
  std::shared_ptr<ReduceLROnPlateau> plateau;
  const auto module = std::make_shared<Line>();
  module->configure = [&](const std::shared_ptr<torch::optim::SGD>& sgd) {
    plateau = std::make_shared<ReduceLROnPlateau>(sgd, ReduceLROnPlateauOptions{.patience = 0});
    return OptimizerConfig{.optimizer = sgd,
                           .lr_scheduler = LRSchedulerConfig{.scheduler = plateau, .monitor = "m"}};
  };
  module->on_epoch_end = [](Line& self) { self.log("m", 1.0); };
  Trainer trainer(quiet({.max_epochs = 3}));
  trainer.fit(module, numbers(1));
  // The first value is the best; the second does not improve it, and the rate falls for the third.
  ASSERT_EQ(module->rates.size(), 3U);
  EXPECT_DOUBLE_EQ(module->rates[1], 0.1);
  EXPECT_DOUBLE_EQ(module->rates[2], 0.01);

  module->on_epoch_end = [](Line& self) { self.log("other", 1.0); };
  Trainer strict(quiet({.max_epochs = 1}));
  EXPECT_THAT(
      error_of([&] { strict.fit(module, numbers(1)); }),
      HasSubstr("a scheduler steps by the metric m, which is not there; logged so far: other"));
}

// Gradients (3, 4).
TEST_F(Fit, Clipping) {
  class Two : public LightningModule {
   public:
    Two() { p = register_parameter("p", torch::zeros({2})); }
    StepOutput training_step(const Batch&, int64_t) override {
      return (p * torch::tensor({3.0F, 4.0F})).sum();
    }
    Optimizers configure_optimizers() override {
      return std::make_shared<torch::optim::SGD>(parameters(), 1.0);
    }
    torch::Tensor p;
  };
  const auto after = [](std::optional<double> value, GradientClip algorithm) {
    Trainer trainer(
        quiet({.max_steps = 1, .gradient_clip_val = value, .gradient_clip_algorithm = algorithm}));
    const auto module = std::make_shared<Two>();
    trainer.fit(module, numbers(1));
    return std::pair(-module->p[0].item<double>(), -module->p[1].item<double>());
  };
  const auto clipped = after(1.0, GradientClip::norm);
  EXPECT_NEAR(clipped.first, 0.6, 1e-6);
  EXPECT_NEAR(clipped.second, 0.8, 1e-6);
  EXPECT_EQ(after(1.0, GradientClip::value), std::pair(1.0, 1.0));
  EXPECT_EQ(after(0.0, GradientClip::norm), std::pair(3.0, 4.0));
  EXPECT_EQ(after(std::nullopt, GradientClip::value), std::pair(3.0, 4.0));
  const auto large = after(10.0, GradientClip::norm);
  EXPECT_NEAR(large.first, 3, 1e-6);
}

// Lightning's numbers.
TEST_F(Fit, ReloadingLoaders) {
  class Data : public LightningDataModule {
   public:
    Loaders train_dataloader() override {
      calls.push_back("T" + std::to_string(trainer().current_epoch()));
      return numbers(2);
    }
    Loaders val_dataloader() override {
      calls.push_back("V" + std::to_string(trainer().current_epoch()));
      return numbers(1);
    }
    testing::Calls calls;
  };
  const auto calls = [](int64_t n, int64_t epochs, int64_t val_every, int64_t sanity) {
    Trainer trainer(quiet({.max_epochs = epochs,
                           .check_val_every_n_epoch = val_every,
                           .num_sanity_val_steps = sanity,
                           .reload_dataloaders_every_n_epochs = n}));
    const auto data = std::make_shared<Data>();
    trainer.fit(std::make_shared<Line>(), data);
    return data->calls;
  };
  EXPECT_THAT(calls(1, 4, 1, 0), ElementsAre("T0", "V0", "T1", "V1", "T2", "V2", "T3", "V3"));
  EXPECT_THAT(calls(1, 2, 1, 1), ElementsAre("V0", "T0", "T1", "V1"));
  EXPECT_THAT(calls(2, 4, 1, 0), ElementsAre("T0", "V0", "T2", "V2"));
  EXPECT_THAT(calls(3, 4, 1, 0), ElementsAre("T0", "V0", "T3", "V3"));
  EXPECT_THAT(calls(0, 4, 1, 0), ElementsAre("T0", "V0"));
}

TEST_F(Fit, FrozenPartsStayInEvaluationMode) {
  class Parts : public Line {
   public:
    Parts() {
      a = register_module("a", torch::nn::Dropout());
      b = register_module("b", torch::nn::Dropout());
      b->eval();
    }
    torch::nn::Dropout a{nullptr}, b{nullptr};
  };
  const auto module = std::make_shared<Parts>();
  module->on_step = [&](Line&, const Batch&, int64_t, const torch::Tensor&) {
    EXPECT_TRUE(module->is_training() && module->a->is_training());
    EXPECT_FALSE(module->b->is_training());
  };
  bool alone = false;
  module->on_validation = [&](Line&, const Batch&, int64_t, int64_t) {
    EXPECT_FALSE(module->a->is_training());
    EXPECT_FALSE(torch::GradMode::is_enabled());
    EXPECT_EQ(c10::InferenceMode::is_enabled(), alone) << "its tensors cannot be trained with";
  };
  Trainer trainer(quiet({.max_epochs = 2}));
  trainer.fit(module, numbers(2), numbers(1));
  alone = true;
  trainer.validate(module, numbers(1), {.verbose = false});
  EXPECT_TRUE(module->a->is_training());
  EXPECT_FALSE(module->b->is_training());
}

TEST_F(Fit, DeterminismHoldsForTheTimeOfARun) {
  at::Context& context = at::globalContext();
  const auto inside = [&](TrainerOptions options) {
    std::string seen;
    options.max_epochs = 1;
    Trainer trainer(quiet(std::move(options)));
    const auto module = std::make_shared<Line>();
    module->on_step = [&](Line&, const Batch&, int64_t, const torch::Tensor&) {
      seen = std::string(context.deterministicAlgorithms() ? "deterministic" : "free") +
             (context.deterministicAlgorithmsWarnOnly() ? ", warns" : "") +
             (context.benchmarkCuDNN() ? ", benchmark" : "");
    };
    trainer.fit(module, numbers(1));
    EXPECT_FALSE(context.deterministicAlgorithms() || context.benchmarkCuDNN());
    return seen;
  };
  EXPECT_EQ(inside({}), "free");
  EXPECT_EQ(inside({.deterministic = true}), "deterministic");
  EXPECT_EQ(inside({.deterministic = "warn"}), "deterministic, warns");
  EXPECT_EQ(inside({.deterministic = true, .benchmark = true}), "deterministic, benchmark");
  EXPECT_EQ(inside({.benchmark = true}), "free, benchmark");
}

TEST_F(Fit, ModulesAndDataModulesMeetInTheTransferHooks) {
  class Halves : public Line {
   public:
    Batch on_after_batch_transfer(Batch batch, int64_t) override { return batch[0] / 2; }
  };
  class Doubles : public LightningDataModule {
   public:
    Loaders train_dataloader() override { return numbers(1); }
    Batch on_after_batch_transfer(Batch batch, int64_t) override { return batch[0] * 2; }
  };
  const auto weight = [](const auto& data) {
    Trainer trainer(quiet({.max_epochs = 1}));
    const auto module = std::make_shared<Halves>();
    trainer.fit(module, data);
    return module->weight();
  };
  EXPECT_FLOAT_EQ(weight(numbers(1)), 1 - 0.1 * 0.5);
  EXPECT_FLOAT_EQ(weight(std::make_shared<Doubles>()), 1 - 0.1 * 2);
  EXPECT_THAT(messages_.warnings,
              ::testing::Contains(HasSubstr("both have a on_after_batch_transfer()")));
}

TEST_F(Fit, EstimatedSteppingBatches) {
  const auto estimate = [](TrainerOptions options) {
    int64_t steps = 0;
    Trainer trainer(quiet(options));
    const auto module = std::make_shared<Line>();
    module->on_step = [&](Line& self, const Batch&, int64_t, const torch::Tensor&) {
      steps = self.trainer().estimated_stepping_batches();
    };
    trainer.fit(module, numbers(5));
    return steps;
  };
  EXPECT_EQ(estimate({.max_epochs = 3}), 15);
  // What it is for: a scheduler that has to know its end.
  const auto module = std::make_shared<Line>();
  const auto loader = numbers(5);
  Trainer trainer(quiet({.max_epochs = 3}));
  int64_t steps = 0;
  module->configure = [&](const std::shared_ptr<torch::optim::SGD>& sgd) {
    steps = trainer.estimated_stepping_batches();
    return Optimizers(sgd);
  };
  trainer.fit(module, loader);
  EXPECT_EQ(steps, 15);
  EXPECT_EQ(estimate({.max_epochs = 3, .accumulate_grad_batches = 2}), 9);
  EXPECT_EQ(estimate({.max_epochs = 3, .max_steps = 7}), 7);
}

TEST_F(Fit, ManualOptimizationCountsEachStep) {
  class Manual : public LightningModule {
   public:
    Manual() {
      automatic_optimization = false;
      a = register_parameter("a", torch::ones({1}));
      b = register_parameter("b", torch::ones({1}));
    }
    StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
      LightningOptimizer& first = optimizers()[0];
      toggle_optimizer(first);
      EXPECT_TRUE(a.requires_grad());
      EXPECT_FALSE(b.requires_grad());
      const torch::Tensor loss = (a * b * batch[0]).sum();
      first.zero_grad();
      manual_backward(loss);
      EXPECT_FALSE(b.grad().defined());
      first.step();
      untoggle_optimizer(first);
      EXPECT_TRUE(b.requires_grad());
      if (batch_idx % 2 == 0) optimizers()[1].step();
      return {};
    }
    Optimizers configure_optimizers() override {
      return {{.optimizer = std::make_shared<torch::optim::SGD>(std::vector{a}, 0.1)},
              {.optimizer = std::make_shared<torch::optim::SGD>(std::vector{b}, 0.1)}};
    }
    torch::Tensor a, b;
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  trainer.fit(std::make_shared<Manual>(), numbers(4));
  EXPECT_EQ(trainer.global_step(), 6);
  EXPECT_EQ(trainer.logger_step(), 4);
}

TEST_F(Fit, ABatchWithoutALossLearnsNothing) {
  class Picky : public Line {
   public:
    StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
      if (batch_idx == 1) return {};
      return Line::training_step(batch, batch_idx);
    }
  };
  Trainer trainer(quiet({.max_epochs = 1}));
  const auto module = std::make_shared<Picky>();
  trainer.fit(module, numbers(3));
  EXPECT_FLOAT_EQ(module->weight(), 1 - 0.1 * (1 + 3));
  EXPECT_EQ(trainer.global_step(), 3);
  EXPECT_THAT(messages_.warnings,
              ::testing::Contains("training_step() returned nothing; the batch is skipped"));
}

TEST_F(Fit, LbfgsCallsItsClosureOften) {
  class Square : public LightningModule {
   public:
    Square() { w = register_parameter("w", torch::full({1}, 3.0)); }
    StepOutput training_step(const Batch&, int64_t) override {
      ++calls;
      return (w * w).sum();
    }
    Optimizers configure_optimizers() override {
      return std::make_shared<torch::optim::LBFGS>(parameters(), torch::optim::LBFGSOptions(0.3));
    }
    torch::Tensor w;
    int calls = 0;
  };
  Trainer trainer(quiet({.max_steps = 2}));
  const auto module = std::make_shared<Square>();
  trainer.fit(module, numbers(2));
  EXPECT_GT(module->calls, 4);
  EXPECT_LT(std::abs(module->w.item<double>()), 0.1);
  EXPECT_EQ(trainer.global_step(), 2);
}

// Gradients are off during an evaluation, and afterwards as they were before.
TEST(Gradients, AreAsBeforeAfterEachEntryPoint) {
  for (const bool inference_mode : {true, false}) {
    const auto module = std::make_shared<Line>();
    Trainer trainer(quiet({.max_epochs = 1, .inference_mode = inference_mode}));
    trainer.fit(module, numbers(2), numbers(1));
    EXPECT_TRUE(torch::GradMode::is_enabled());
    trainer.validate(module, numbers(1), {.verbose = false});
    EXPECT_TRUE(torch::GradMode::is_enabled());
    trainer.test(module, numbers(1), {.verbose = false});
    EXPECT_TRUE(torch::GradMode::is_enabled());
    trainer.predict(module, numbers(1));
    EXPECT_TRUE(torch::GradMode::is_enabled());
    EXPECT_FALSE(torch::InferenceMode::is_enabled());
    {
      const torch::NoGradGuard none;
      trainer.test(module, numbers(1), {.verbose = false});
      EXPECT_FALSE(torch::GradMode::is_enabled());
    }
  }
}

TEST(FlushDenormal, IsOnForTheTimeOfARunUnlessToldOtherwise) {
  const auto flushes = [](bool option) {
    const auto module = std::make_shared<Line>();
    bool seen = false;
    module->on_step = [&](Line&, const Batch&, int64_t, const torch::Tensor&) {
      seen = course::flushes_denormals();
    };
    Trainer(quiet({.max_epochs = 1, .flush_denormal = option})).fit(module, numbers(1));
    return seen;
  };
  EXPECT_TRUE(quiet().flush_denormal);
  EXPECT_TRUE(flushes(true));
  EXPECT_FALSE(flushes(false));
  EXPECT_FALSE(course::flushes_denormals());
}

}  // namespace
}  // namespace lit
