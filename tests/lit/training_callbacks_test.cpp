// Callbacks that have a hand in training: accumulation, finetuning, averages, the NaN guard; and
// the writers of predictions.
#include <cmath>
#include <filesystem>
#include <limits>

#include "../common/temporary_folder.h"
#include "lit/callbacks/finetuning.h"
#include "lit/callbacks/gradient_accumulation_scheduler.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/nan_guard.h"
#include "lit/callbacks/prediction_writer.h"
#include "lit/callbacks/weight_averaging.h"
#include "serialize/torch_file.h"
#include "testing.h"

namespace lit {
namespace {

using ::testing::AllOf;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Line;
using testing::Messages;
using testing::numbers;
using testing::quiet;

class TrainingTest : public ::testing::Test {
 protected:
  // A fit of the module by batches of 1, 2, ... and no validation.
  template <typename M>
  int64_t steps_of(const std::shared_ptr<M>& module,
                   std::vector<std::shared_ptr<Callback>> callbacks, TrainerOptions options,
                   int64_t batches) {
    options.callbacks = std::move(callbacks);
    options.limit_val_batches = 0;
    Trainer trainer(quiet(std::move(options)));
    trainer.fit(module, numbers(batches));
    return trainer.global_step();
  }
  Messages messages_;
};
using Accumulation = TrainingTest;
using Finetuning = TrainingTest;
using Averages = TrainingTest;
using Guard = TrainingTest;
using Writer = TrainingTest;

// --- Accumulation -------------------------------------------------------------------------------

TEST_F(Accumulation, ByTheEpoch) {
  const auto steps = [&](std::map<int64_t, int64_t> schedule) {
    return steps_of(std::make_shared<Line>(),
                    {callback<GradientAccumulationScheduler>({.scheduling = std::move(schedule)})},
                    {.max_epochs = 4}, 10);
  };
  EXPECT_EQ(steps({{1, 2}, {3, 4}}), 10 + 5 + 5 + 3);
  EXPECT_EQ(steps({{0, 2}, {2, 1}}), 30);
}

TEST_F(Accumulation, IsKnownToTheEstimate) {
  int64_t estimate = 0;
  const auto asks = callback<LambdaCallback>({.on_train_start = [&](Trainer& trainer, auto&) {
    estimate = trainer.estimated_stepping_batches();
  }});
  const auto scheduler = callback<GradientAccumulationScheduler>({.scheduling = {{1, 2}, {3, 4}}});
  EXPECT_EQ(steps_of(std::make_shared<Line>(), {asks, scheduler}, {.max_epochs = 4}, 10), estimate);
}

class OwnStep : public Line {
 public:
  void optimizer_step(int64_t, int64_t, LightningOptimizer& optimizer,
                      const Closure& closure) override {
    optimizer.step(closure);
  }
};

TEST_F(Accumulation, RefusesWhatContradictsIt) {
  const auto scheduler = callback<GradientAccumulationScheduler>({.scheduling = {{1, 2}}});
  EXPECT_THAT(error_of([] { GradientAccumulationScheduler({.scheduling = {}}); }),
              HasSubstr("empty"));
  EXPECT_THAT(error_of([] {
                GradientAccumulationScheduler({.scheduling = {{-1, 2}}});
              }),
              HasSubstr("from epoch -1"));
  EXPECT_THAT(error_of([] {
                GradientAccumulationScheduler({.scheduling = {{1, 0}}});
              }),
              HasSubstr("the factor 0"));
  EXPECT_THAT(error_of([&] {
                steps_of(std::make_shared<Line>(), {scheduler},
                         {.max_epochs = 1, .accumulate_grad_batches = 2}, 1);
              }),
              HasSubstr("accumulate_grad_batches=2"));
  const auto by_hand = std::make_shared<Line>();
  by_hand->automatic_optimization = false;
  EXPECT_THAT(error_of([&] { steps_of(by_hand, {scheduler}, {.max_epochs = 1}, 1); }),
              HasSubstr("by hand"));
  messages_.warnings.clear();
  Trainer trainer(quiet({.callbacks = {scheduler}, .max_epochs = 1, .limit_val_batches = 0}));
  trainer.fit(std::make_shared<OwnStep>(), numbers(1));
  EXPECT_THAT(messages_.warnings, ::testing::Contains(HasSubstr("overrides optimizer_step")));
}

// --- Finetuning ---------------------------------------------------------------------------------

// The norm comes first: behind a layer of one input it would leave that layer no gradient.
class Backboned : public LightningModule {
 public:
  Backboned() {
    backbone = register_module(
        "backbone", torch::nn::Sequential(torch::nn::BatchNorm1d(1), torch::nn::Linear(1, 2)));
    head = register_module("head", torch::nn::Linear(2, 1));
  }
  StepOutput training_step(const Batch& batch, int64_t) override {
    return head(backbone->forward(batch[0])).square().mean();
  }
  void on_train_batch_end(const StepOutput&, const Batch&, int64_t) override {
    rates.push_back(learning_rates(*optimizers()[0]));
  }
  Optimizers configure_optimizers() override {
    auto sgd = std::make_shared<torch::optim::SGD>(BaseFinetuning::trainable(parameters()), 0.1);
    return OptimizerConfig{
        .optimizer = sgd,
        .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(sgd, 1, 0.7)}};
  }
  torch::Tensor weight() const { return backbone->named_parameters()["1.weight"]; }
  torch::Tensor running_mean() const { return backbone->named_buffers()["0.running_mean"]; }

  torch::nn::Sequential backbone{nullptr};
  torch::nn::Linear head{nullptr};
  std::vector<std::vector<double>> rates;
};

std::shared_ptr<testing::ListLoader> one_batch() {
  return std::make_shared<testing::ListLoader>(
      std::vector<Batch>{torch::linspace(-1, 2, 8).unsqueeze(1)});
}

// The rates that a step is taken with, before the scheduler of the epoch's end.
TEST_F(Finetuning, TheBackbonesRateRisesToThatOfTheRest) {
  std::vector<std::vector<double>> rates;
  const auto looks = callback<LambdaCallback>(
      {.on_train_batch_start = [&](Trainer& trainer, auto&, const Batch&, int64_t) {
        rates.push_back(learning_rates(*trainer.optimizers()[0]));
      }});
  const auto finetuning = callback<BackboneFinetuning>({.unfreeze_backbone_at_epoch = 3});
  const auto module = std::make_shared<Backboned>();
  const torch::Tensor before = module->weight().clone();
  Trainer trainer(quiet({.callbacks = {finetuning, looks}, .max_epochs = 3}));
  trainer.fit(module, one_batch());
  EXPECT_TRUE(torch::equal(module->weight(), before)) << "frozen";
  EXPECT_TRUE(module->backbone->named_parameters()["0.weight"].requires_grad())
      << "train_bn leaves batch norms";

  const auto again = std::make_shared<Backboned>();
  const torch::Tensor start = again->weight().clone();
  rates.clear();
  Trainer longer(
      quiet({.callbacks = {callback<BackboneFinetuning>({.unfreeze_backbone_at_epoch = 3}), looks},
             .max_epochs = 7}));
  longer.fit(again, one_batch());
  ASSERT_EQ(rates.size(), 7);
  EXPECT_THAT(rates[2], ElementsAre(DoubleNear(.049, 1e-9)));
  EXPECT_THAT(rates[3], ElementsAre(DoubleNear(.0343, 1e-9), DoubleNear(.00343, 1e-9)));
  EXPECT_THAT(rates[4], ElementsAre(DoubleNear(.02401, 1e-9), DoubleNear(.00686, 1e-9)));
  EXPECT_THAT(rates[5], ElementsAre(DoubleNear(.016807, 1e-9), DoubleNear(.01372, 1e-9)));
  EXPECT_THAT(rates[6], ElementsAre(DoubleNear(.0117649, 1e-9), DoubleNear(.0117649, 1e-9)));
  EXPECT_FALSE(torch::equal(again->weight(), start));
}

TEST_F(Finetuning, WithoutTrainBnTheStatisticsStandStill) {
  const auto module = std::make_shared<Backboned>();
  const auto finetuning =
      callback<BackboneFinetuning>({.unfreeze_backbone_at_epoch = 2, .train_bn = false});
  std::vector<double> means;
  const auto looks = callback<LambdaCallback>({.on_train_epoch_end = [&](Trainer&, auto&) {
    means.push_back(module->running_mean().abs().sum().item<double>());
  }});
  Trainer trainer(quiet({.callbacks = {finetuning, looks}, .max_epochs = 3}));
  trainer.fit(module, one_batch());
  EXPECT_EQ(means[0], 0);
  EXPECT_EQ(means[1], 0);
  EXPECT_GT(means[2], 0);
}

TEST_F(Finetuning, GroupsComeBackWithTheState) {
  const auto first = callback<BackboneFinetuning>({.unfreeze_backbone_at_epoch = 1});
  Trainer trainer(quiet({.callbacks = {first}, .max_epochs = 2}));
  trainer.fit(std::make_shared<Backboned>(), one_batch());

  const auto second = callback<BackboneFinetuning>({.unfreeze_backbone_at_epoch = 1});
  second->load_state_dict(first->state_dict());
  const auto module = std::make_shared<Backboned>();
  std::vector<size_t> groups;
  const auto looks = callback<LambdaCallback>({.on_train_start = [&](Trainer& t, auto&) {
    for (const auto& group : t.optimizers()[0]->param_groups()) {
      groups.push_back(group.params().size());
    }
  }});
  Trainer resumed(quiet({.callbacks = {second, looks}, .max_epochs = 1}));
  resumed.fit(module, one_batch());
  // The head and the batch norm; then the two of the linear layer, which can be trained again.
  EXPECT_THAT(groups, ElementsAre(4, 2));
  EXPECT_TRUE(module->weight().requires_grad());
}

TEST_F(Finetuning, SaysWhatIsWrong) {
  Trainer trainer(quiet(
      {.callbacks = {callback<BackboneFinetuning>()}, .max_epochs = 1, .limit_val_batches = 0}));
  EXPECT_THAT(error_of([&] { trainer.fit(std::make_shared<Line>(), numbers(1)); }),
              AllOf(HasSubstr("\"backbone\""), HasSubstr("none")));

  // An optimizer that has all parameters has those of the backbone, too.
  class All : public Backboned {
   public:
    Optimizers configure_optimizers() override {
      return std::make_shared<torch::optim::SGD>(parameters(), 0.1);
    }
  };
  const auto module = std::make_shared<All>();
  Trainer other(quiet({.callbacks = {callback<BackboneFinetuning>(
                           {.unfreeze_backbone_at_epoch = 1, .verbose = true})},
                       .max_epochs = 2}));
  other.fit(module, one_batch());
  EXPECT_THAT(
      messages_.warnings,
      ::testing::Contains(HasSubstr("4 parameters that are unfrozen are in the optimizer")));
  EXPECT_THAT(messages_.infos,
              ::testing::Contains("epoch 1: learning rate 0.1, of the backbone 0.01"));
}

// --- Averages -----------------------------------------------------------------------------------

// Weights .9 and .7 in the first epoch, .6 and .4 in the second.
struct Averaged {
  std::vector<double> seen;  // by validation
  double final;
};
Averaged averaged(const std::shared_ptr<WeightAveraging>& averaging, TrainerOptions options = {}) {
  const auto module = std::make_shared<Line>();
  Averaged result;
  module->on_validation = [&](Line& self, auto&&...) { result.seen.push_back(self.weight()); };
  options.callbacks = {averaging};
  options.max_epochs = options.max_epochs.value_or(2);
  options.num_sanity_val_steps = 0;
  Trainer trainer(quiet(std::move(options)));
  trainer.fit(module, numbers(2), numbers(1));
  result.final = module->weight();
  return result;
}

TEST_F(Averages, Exponential) {
  const auto found = averaged(callback<EMAWeightAveraging>({.decay = .5}));
  EXPECT_THAT(found.seen, ElementsAre(DoubleNear(.8, 1e-6), DoubleNear(.55, 1e-6)));
  EXPECT_NEAR(found.final, .55, 1e-6);
}

TEST_F(Averages, Mean) {
  const auto found = averaged(callback<WeightAveraging>());
  EXPECT_THAT(found.seen, ElementsAre(DoubleNear(.8, 1e-6), DoubleNear(.65, 1e-6)));
  EXPECT_NEAR(found.final, .65, 1e-6);
}

TEST_F(Averages, OnceInAWindowOfAccumulation) {
  const auto averaging = callback<WeightAveraging>();
  averaged(averaging, {.accumulate_grad_batches = 2});
  EXPECT_EQ(averaging->n_averaged(), 2);
}

TEST_F(Averages, StartAndFrequency) {
  class Asked : public EMAWeightAveraging {
   public:
    using EMAWeightAveraging::EMAWeightAveraging;
    using EMAWeightAveraging::should_update;
  };
  Asked every({.update_every_n_steps = 5, .update_starting_at_step = 10});
  std::vector<int64_t> steps;
  for (int64_t step = 0; step < 21; ++step) {
    if (every.should_update(step, std::nullopt)) steps.push_back(step);
  }
  EXPECT_THAT(steps, ElementsAre(10, 15, 20));
  EXPECT_FALSE(every.should_update(std::nullopt, 99));
  Asked epochs({.update_starting_at_step = 1'000'000, .update_starting_at_epoch = 2});
  EXPECT_FALSE(epochs.should_update(std::nullopt, 1));
  EXPECT_TRUE(epochs.should_update(std::nullopt, 2));
}

// Weights .7, .4 and .1 after the epochs. (Lightning validates with those of the start, 1, until
// something was averaged.)
TEST_F(Averages, AfterEpochsOnly) {
  const auto of = [](std::optional<int64_t> from) {
    return averaged(callback<EMAWeightAveraging>(
                        {.decay = .5, .update_every_n_steps = 0, .update_starting_at_epoch = from}),
                    {.max_epochs = 3});
  };
  const auto all = of(0);
  EXPECT_THAT(all.seen, ElementsAre(DoubleNear(.7, 1e-6), DoubleNear(.7, 1e-6),
                                    DoubleNear(.5 * .7 + .5 * .4, 1e-6)));
  EXPECT_NEAR(all.final, .5 * .55 + .5 * .1, 1e-6);
  EXPECT_NEAR(of(1).final, .5 * .4 + .5 * .1, 1e-6);
  EXPECT_NEAR(of(std::nullopt).final, .1, 1e-6) << "nothing is averaged";
}

TEST_F(Averages, NothingAveragedNothingChanged) {
  const auto found = averaged(callback<EMAWeightAveraging>({.update_starting_at_step = 100}));
  EXPECT_THAT(found.seen, ElementsAre(DoubleNear(.7, 1e-6), DoubleNear(.4, 1e-6)));
  EXPECT_NEAR(found.final, .4, 1e-6);
}

TEST_F(Averages, AnExceptionInValidationLeavesTheWeights) {
  const auto module = std::make_shared<Line>();
  module->on_validation = [](auto&&...) { throw Error("no more"); };
  Trainer trainer(quiet({.callbacks = {callback<EMAWeightAveraging>({.decay = .5})},
                         .max_epochs = 1,
                         .num_sanity_val_steps = 0}));
  EXPECT_THAT(error_of([&] { trainer.fit(module, numbers(2), numbers(1)); }), "no more");
  EXPECT_NEAR(module->weight(), .7, 1e-6);
}

TEST_F(Averages, BuffersAreAveragedCountsAreCopied) {
  class Counting : public Line {
   public:
    Counting() {
      mean = register_buffer("mean", torch::zeros({1}));
      count = register_buffer("count", torch::zeros({1}, torch::kInt64));
    }
    StepOutput training_step(const Batch& batch, int64_t i) override {
      mean.add_(2);
      count.add_(1);
      return Line::training_step(batch, i);
    }
    torch::Tensor mean, count;
  };
  const auto fit = [&](bool use_buffers) {
    const auto module = std::make_shared<Counting>();
    Trainer trainer(quiet({.callbacks = {callback<WeightAveraging>({.use_buffers = use_buffers})},
                           .max_epochs = 1,
                           .limit_val_batches = 0}));
    trainer.fit(module, numbers(2));
    return std::pair(module->mean.item<double>(), module->count.item<int64_t>());
  };
  EXPECT_EQ(fit(true), (std::pair<double, int64_t>(3, 2)));
  EXPECT_EQ(fit(false), (std::pair<double, int64_t>(4, 2)));
}

TEST_F(Averages, RefuseWhatIsOutOfRange) {
  EXPECT_THAT(error_of([] { EMAWeightAveraging({.decay = 1.5}); }), HasSubstr("decay"));
  EXPECT_THAT(error_of([] { EMAWeightAveraging({.update_every_n_steps = -1}); }),
              HasSubstr("update_every_n_steps"));
}

// --- NaN guard --------------------------------------------------------------------------------

// Its second batch has a gradient that is no number; its third, with `twice`, as well.
class Poisoned : public Line {
 public:
  explicit Poisoned(bool finite_loss = false, bool twice = false)
      : finite_loss_(finite_loss), twice_(twice) {}
  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    const StepOutput output = Line::training_step(batch, batch_idx);
    if (batch_idx != 1 && !(twice_ && batch_idx == 2)) return output;
    if (!finite_loss_) return output.loss * NAN;
    return (w - w.detach()).abs().sqrt().sum();  // its slope at 0 is infinite
  }

 private:
  bool finite_loss_, twice_;
};

TEST_F(Guard, Raises) {
  const auto module = std::make_shared<Poisoned>();
  EXPECT_THAT(
      error_of([&] { steps_of(module, {callback<NaNGuard>()}, {.max_epochs = 1}, 3); }),
      AllOf(HasSubstr("the loss is nan in batch 1 of epoch 0"), HasSubstr("gradient_clip_val")));
  EXPECT_NEAR(module->weight(), .9, 1e-6) << "the weights of before";

  const auto steep = std::make_shared<Poisoned>(/*finite_loss=*/true);
  EXPECT_THAT(error_of([&] { steps_of(steep, {callback<NaNGuard>()}, {.max_epochs = 1}, 3); }),
              HasSubstr("1 of 1 numbers in the gradient of w are NaN or infinite"));
}

TEST_F(Guard, SkipsTheStep) {
  const auto module = std::make_shared<Poisoned>();
  const auto guard = callback<NaNGuard>({.action = "skip"});
  steps_of(module, {guard}, {.max_epochs = 1, .gradient_clip_val = 100}, 3);
  EXPECT_NEAR(module->weight(), .9 - .3, 1e-6);
  EXPECT_EQ(guard->skipped(), 1);
  EXPECT_THAT(messages_.warnings, ::testing::Contains(HasSubstr("skipped")));
}

TEST_F(Guard, SkipsNotForEver) {
  const auto module = std::make_shared<Poisoned>(false, /*twice=*/true);
  EXPECT_THAT(error_of([&] {
                steps_of(module, {callback<NaNGuard>({.action = "skip", .max_skipped = 2})},
                         {.max_epochs = 1}, 3);
              }),
              HasSubstr("2th step in a row"));
}

TEST_F(Guard, Stops) {
  const auto module = std::make_shared<Poisoned>();
  steps_of(module, {callback<NaNGuard>({.action = "stop"})}, {.max_epochs = 1}, 5);
  EXPECT_THAT(module->batches, ElementsAre(0, 1));
  EXPECT_NEAR(module->weight(), .9, 1e-6);
}

TEST_F(Guard, LeavesLargeNumbersAlone) {
  class Huge : public Line {
   public:
    StepOutput training_step(const Batch&, int64_t) override { return (w * 3e38).sum(); }
    Optimizers configure_optimizers() override {
      return std::make_shared<torch::optim::SGD>(parameters(), 1e-39);
    }
  };
  EXPECT_EQ(steps_of(std::make_shared<Huge>(), {callback<NaNGuard>()}, {.max_epochs = 1}, 2), 2)
      << "the norm overflows, no number does";
  EXPECT_THAT(error_of([] { NaNGuard({.action = "ignore"}); }), HasSubstr("\"ignore\""));
  EXPECT_THAT(error_of([] { NaNGuard({.max_skipped = 0}); }), HasSubstr("max_skipped=0"));
}

// --- Predictions ------------------------------------------------------------------------------

TEST_F(Writer, OneFileForEachBatch) {
  const course::testing::TemporaryFolder folder;
  Trainer trainer(
      quiet({.callbacks = {callback<PredictionWriter>({.output_dir = folder.path() / "new"})}}));
  const auto kept =
      trainer.predict(std::make_shared<Line>(), numbers(3, 2), {.return_predictions = false});
  EXPECT_TRUE(kept.empty());
  const course::Value last = course::read_torch_file(folder.path() / "new/predictions_0_000002.pt");
  EXPECT_TRUE(
      torch::equal(last.as_dict().at("predictions").as_tensor(), torch::full({2, 1}, 3.0f)));
  EXPECT_TRUE(
      torch::equal(last.as_dict().at("indices").as_tensor(), torch::tensor({4, 5}, torch::kInt64)));
}

TEST_F(Writer, OneFileForAll) {
  const course::testing::TemporaryFolder folder;
  Trainer trainer(quiet({.callbacks = {callback<PredictionWriter>(
                             {.output_dir = folder.path(), .write_interval = "epoch"})}}));
  trainer.predict(std::make_shared<Line>(), Loaders{numbers(1), numbers(2)});
  const course::Value all = course::read_torch_file(folder.path() / "predictions.pt");
  ASSERT_EQ(all.as_list().size(), 2);
  ASSERT_EQ(all.as_list()[1].as_list().size(), 2);
  EXPECT_EQ(all.as_list()[1].as_list()[1].as_dict().at("predictions").as_tensor().item<float>(), 2);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST_F(Writer, YourOwn) {
  class Both : public BasePredictionWriter {
   public:
    Both() : BasePredictionWriter("batch_and_epoch") {}
    void write_on_batch_end(Trainer&, LightningModule&, const Batch& prediction,
                            const torch::Tensor& indices, const Batch& batch, int64_t batch_idx,
                            int64_t) override {
      EXPECT_EQ(prediction.size(), batch.size());
      EXPECT_EQ(indices.numel(), 1);
      batches.push_back(batch_idx);
    }
    void write_on_epoch_end(Trainer&, LightningModule&,
                            const std::vector<std::vector<Batch>>& predictions,
                            const std::vector<std::vector<torch::Tensor>>& indices) override {
      epoch = predictions[0].size();
      EXPECT_EQ(indices[0].back().item<int64_t>(), 2);
    }
    std::vector<int64_t> batches;
    size_t epoch = 0;
  };
  const auto writer = std::make_shared<Both>();
  Trainer trainer(quiet({.callbacks = {writer}}));
  trainer.predict(std::make_shared<Line>(), numbers(3));
  EXPECT_THAT(writer->batches, ElementsAre(0, 1, 2));
  EXPECT_EQ(writer->epoch, 3);
}

TEST_F(Writer, OfALoaderThatShufflesNobodyKnowsTheSamples) {
  class Shuffled : public BasePredictionWriter {
   public:
    void write_on_batch_end(Trainer&, LightningModule&, const Batch&, const torch::Tensor& indices,
                            const Batch&, int64_t, int64_t) override {
      known = indices.defined();
    }
    bool known = true;
  };
  const auto writer = std::make_shared<Shuffled>();
  Trainer trainer(quiet({.callbacks = {writer}}));
  const torch::Tensor data = torch::ones({4, 1});
  trainer.predict(std::make_shared<Line>(),
                  course::InMemoryLoader(data, data, {.batch_size = 2, .shuffle = true}));
  EXPECT_FALSE(writer->known);
}

TEST_F(Writer, SaysWhatIsMissing) {
  EXPECT_THAT(error_of([] { PredictionWriter({}); }), HasSubstr("output_dir"));
  EXPECT_THAT(error_of([] { BasePredictionWriter writer("step"); }), HasSubstr("\"step\""));
  Trainer trainer(quiet({.callbacks = {std::make_shared<BasePredictionWriter>()}}));
  EXPECT_THAT(error_of([&] { trainer.predict(std::make_shared<Line>(), numbers(1)); }),
              HasSubstr("write_on_batch_end()"));
}

}  // namespace
}  // namespace lit
