// A fit inside of a fit: whose numbers are shown, and that nothing of it is left.
#include <torch/torch.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "lit/callbacks/lambda_callback.h"
#include "lit/metrics/classification.h"
#include "testing.h"

namespace lit {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Line;
using testing::MemoryLogger;
using testing::Messages;
using testing::numbers;
using testing::quiet;

using Plain = LambdaCallbackOptions::Plain;

// Dropout, a batch norm, a metric, a part in evaluation mode, one that is frozen, and a count that
// only the hooks of checkpoints know.
class Everything : public LightningModule {
 public:
  Everything() {
    first_ = register_module("first", torch::nn::Linear(2, 4));
    norm_ = register_module("norm", torch::nn::BatchNorm1d(4));
    frozen_ = register_module("frozen", torch::nn::Linear(4, 4));
    dropout_ = register_module("dropout", torch::nn::Dropout(0.3));
    last_ = register_module("last", torch::nn::Linear(4, 2));
    accuracy_ =
        register_module("accuracy", metric<Accuracy>({.task = "multiclass", .num_classes = 2}));
    frozen_->weight.requires_grad_(false);
    frozen_->eval();
  }
  StepOutput training_step(const Batch& batch, int64_t) override {
    ++steps_;
    const torch::Tensor scores = last_(dropout_(frozen_(norm_(first_(batch[0])))));
    (*accuracy_)(scores, batch[1]);
    log("accuracy", accuracy_, {.on_step = false, .on_epoch = true});
    const torch::Tensor loss = torch::nn::functional::cross_entropy(scores, batch[1]);
    log("loss", loss, {.on_step = true, .on_epoch = true});
    return loss;
  }
  Optimizers configure_optimizers() override {
    auto adam = std::make_shared<torch::optim::Adam>(parameters(), 0.05);
    return OptimizerConfig{
        .optimizer = adam,
        .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(adam, 1, 0.5)}};
  }
  void on_save_checkpoint(course::Dict& checkpoint) override { checkpoint.set("steps", steps_); }
  void on_load_checkpoint(course::Dict& checkpoint) override {
    steps_ = checkpoint.at("steps").as_int();
  }

 private:
  torch::nn::Linear first_{nullptr}, frozen_{nullptr}, last_{nullptr};
  torch::nn::BatchNorm1d norm_{nullptr};
  torch::nn::Dropout dropout_{nullptr};
  std::shared_ptr<Accuracy> accuracy_;
  int64_t steps_ = 0;
};

// Counts the batches that have passed through it; its order is from libtorch's generator.
class Data : public LightningDataModule {
 public:
  Loaders train_dataloader() override {
    const torch::Tensor x = torch::sin(torch::arange(24, torch::kFloat32)).reshape({12, 2});
    const torch::Tensor y = (x.sum(1) > 0).to(torch::kInt64);
    return loader(torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
                      torch::data::datasets::TensorDataset({x}).map(
                          torch::data::transforms::Stack<torch::data::TensorExample>()),
                      3),
                  4);
  }
  Batch on_after_batch_transfer(Batch batch, int64_t) override {
    ++batches_;
    const torch::Tensor x = batch[0];
    return {{"", x}, {"", (x.sum(1) > 0).to(torch::kInt64)}};
  }
  course::Dict state_dict() const override { return {{"batches", batches_}}; }
  void load_state_dict(const course::Dict& state) override {
    batches_ = state.at("batches").as_int();
  }

 private:
  int64_t batches_ = 0;
};

// The whole checkpoint of a run of two epochs, and the rows of its logger.
struct Outcome {
  std::string checkpoint;
  std::vector<std::pair<int64_t, double>> losses, accuracies;
  bool operator==(const Outcome&) const = default;
};

Outcome run_with(const LambdaCallbackOptions& tries) {
  const auto path = std::filesystem::path(::testing::TempDir()) / "inner_fit.ckpt";
  const auto rows = std::make_shared<MemoryLogger>();
  torch::manual_seed(3);
  {
    TrainerOptions options{.max_epochs = 2, .log_every_n_steps = 1};
    options.logger = {rows};
    options.callbacks = {callback<LambdaCallback>(tries)};
    Trainer trainer(quiet(options));
    trainer.fit(std::make_shared<Everything>(), std::make_shared<Data>());
    trainer.save_checkpoint(path);
  }
  std::ifstream file(path, std::ios::binary);
  return {{std::istreambuf_iterator<char>(file), {}}, rows->of("loss_step"), rows->of("accuracy")};
}

LambdaCallbackOptions in(Hook hook, const Plain& action) {
  LambdaCallbackOptions options;
  if (hook == Hook::on_fit_start) options.on_fit_start = action;
  if (hook == Hook::on_train_start) options.on_train_start = action;
  if (hook == Hook::on_train_epoch_start) options.on_train_epoch_start = action;
  return options;
}

constexpr Hook kHooks[] = {Hook::on_fit_start, Hook::on_train_start, Hook::on_train_epoch_start};

TEST(InnerFit, LeavesNothingBehind) {
  const Messages messages;
  const Outcome without = run_with({});
  ASSERT_EQ(without.losses.size(), 8U);
  for (const Hook hook : kHooks) {
    int64_t times = 0;
    const Outcome with = run_with(in(hook, [&](Trainer& trainer, LightningModule&) {
      trainer.fit_inside(quiet({.max_epochs = 3, .max_steps = 7}));
      ++times;
    }));
    EXPECT_EQ(times, hook == Hook::on_train_epoch_start ? 2 : 1);
    EXPECT_TRUE(with == without) << name_of(hook);
  }
}

TEST(InnerFit, LeavesNothingBehindWhenItThrows) {
  const Messages messages;
  const Outcome without = run_with({});
  for (const Hook hook : kHooks) {
    const Outcome with = run_with(in(hook, [&](Trainer& trainer, LightningModule&) {
      TrainerOptions options{.max_steps = 7};
      options.callbacks = {callback<LambdaCallback>(
          {.on_train_batch_end = [](Trainer&, auto&, const auto&, const Batch&, int64_t batch) {
            if (batch == 2) throw std::runtime_error("no memory left");
          }})};
      EXPECT_THROW(trainer.fit_inside(quiet(options)), std::runtime_error);
    }));
    EXPECT_TRUE(with == without) << name_of(hook);
  }
}

TEST(InnerFit, CanHaveAnotherInsideOfIt) {
  const Messages messages;
  const Outcome without = run_with({});
  int64_t depth = 0;
  const Outcome with = run_with(in(Hook::on_train_start, [&](Trainer& trainer, LightningModule&) {
    TrainerOptions options{.max_steps = 3};
    options.callbacks = {callback<LambdaCallback>(
        in(Hook::on_train_epoch_start, [&](Trainer& inner, LightningModule&) {
          inner.fit_inside(quiet({.max_steps = 2}));
          depth = 2;
          EXPECT_EQ(inner.global_step(), 0);
          EXPECT_EQ(inner.max_steps(), 3);
        }))};
    trainer.fit_inside(quiet(options));
  }));
  EXPECT_EQ(depth, 2);
  EXPECT_TRUE(with == without);
}

TEST(InnerFit, ShowsItsOwnNumbersWhileItRuns) {
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line& self, const Batch& batch, int64_t, const torch::Tensor&) {
    self.log("x", batch[0].mean());
  };
  const auto rows = std::make_shared<MemoryLogger>(), inner_rows = std::make_shared<MemoryLogger>();
  std::vector<int64_t> steps;
  double inner_rate = 0;
  const auto tries =
      callback<LambdaCallback>({.on_train_epoch_start = [&](Trainer& trainer, LightningModule&) {
        if (trainer.current_epoch() != 1) return;
        const double weight = module->weight();
        const auto* const optimizer = &*trainer.optimizers().front();
        TrainerOptions options{.max_steps = 3, .limit_train_batches = int64_t{1}};
        options.logger = {inner_rows};
        options.log_every_n_steps = 1;
        options.callbacks = {callback<LambdaCallback>(
            {.on_train_start =
                 [&](Trainer& inner, LightningModule& of) {
                   EXPECT_EQ(&inner, &trainer);
                   EXPECT_EQ(&of, module.get());
                   EXPECT_NE(&*inner.optimizers().front(), optimizer);
                   set_learning_rates(*inner.optimizers().front(), {0.5});
                   EXPECT_TRUE(inner.callback_metrics().empty());
                   EXPECT_EQ(inner.callbacks().size(), 1U);
                   EXPECT_EQ(inner.loggers(), std::vector<std::shared_ptr<Logger>>{inner_rows});
                   EXPECT_EQ(inner.num_training_batches(), 1);
                   EXPECT_THAT(error_of([&] { inner.test(module, numbers(1)); }),
                               HasSubstr("test was called while fit runs"));
                 },
             .on_train_batch_end =
                 [&](Trainer& inner, LightningModule&, const auto&, const Batch&, int64_t) {
                   steps.push_back(inner.global_step());
                   inner_rate = learning_rates(*inner.optimizers().front()).front();
                   EXPECT_EQ(inner.callback_metrics().at("x").value(), 1);
                   inner.should_stop = inner.global_step() == 2;
                 }})};
        trainer.fit_inside(quiet(options));
        EXPECT_EQ(trainer.global_step(), 4);
        EXPECT_EQ(trainer.current_epoch(), 1);
        EXPECT_EQ(trainer.max_steps(), -1);
        EXPECT_EQ(trainer.max_epochs(), 2);
        EXPECT_EQ(trainer.num_training_batches(), 4);
        EXPECT_FALSE(trainer.should_stop);
        EXPECT_TRUE(trainer.training());
        EXPECT_EQ(trainer.callback_metrics().at("x").value(), 4);
        EXPECT_EQ(&*trainer.optimizers().front(), optimizer);
        EXPECT_EQ(learning_rates(*optimizer).front(), 0.1);
        EXPECT_EQ(module->weight(), weight);
      }});
  TrainerOptions options{.max_epochs = 2, .log_every_n_steps = 1};
  options.logger = {rows};
  options.callbacks = {tries};
  Trainer trainer(quiet(options));
  const Messages messages;
  trainer.fit(module, numbers(4));
  EXPECT_THAT(steps, ElementsAre(1, 2));
  EXPECT_EQ(inner_rate, 0.5);
  EXPECT_THAT(inner_rows->steps_of("x"), ElementsAre(0, 1));
  EXPECT_THAT(inner_rows->statuses, ElementsAre("success"));
  EXPECT_THAT(rows->steps_of("x"), ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_NEAR(module->weight(), 1 - 0.1 * 20, 1e-5);
  EXPECT_EQ(trainer.global_step(), 8);
}

TEST(InnerFit, IsRefusedElsewhere) {
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_THAT(error_of([&] { trainer.fit_inside({}); }), HasSubstr("has no module"));
  const auto module = std::make_shared<Line>();
  std::string error;
  module->on_step = [&](Line& self, const Batch&, int64_t, const torch::Tensor&) {
    error = error_of([&] { self.trainer().fit_inside({}); });
  };
  trainer.fit(module, numbers(1));
  EXPECT_THAT(error,
              HasSubstr("call it from on_fit_start, on_train_start or on_train_epoch_start"));
  EXPECT_THAT(error_of([&] { trainer.fit_inside({}); }), HasSubstr("fit_inside was called where"));
}

}  // namespace
}  // namespace lit
