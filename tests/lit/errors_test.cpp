// Bad input: one sentence, one family of exceptions, and a Trainer whose state says what happened.
#include <csignal>
#include <sstream>

#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/progress_bar.h"
#include "testing.h"

namespace lit {
namespace {

using testing::error_of;
using ::testing::HasSubstr;
using testing::Line;
using testing::ListLoader;
using testing::Messages;
using testing::numbers;
using testing::quiet;

class Errors : public ::testing::Test {
 protected:
  // Fits, and returns the sentence; the Trainer must know that it was interrupted.
  std::string fit(const ModuleRef& module, const Loaders& train = numbers(2),
                  TrainerOptions options = {}) {
    if (!options.max_epochs) options.max_epochs = 1;
    Trainer trainer(quiet(std::move(options)));
    const std::string sentence = error_of([&] { trainer.fit(module, train); });
    EXPECT_TRUE(trainer.interrupted());
    EXPECT_EQ(sentence.find('\n'), std::string::npos);
    return sentence;
  }
  Messages messages_;
};

TEST_F(Errors, AModuleThatIsNull) {
  Trainer trainer(quiet());
  EXPECT_THAT(error_of([&] { trainer.fit(std::shared_ptr<Line>()); }),
              HasSubstr("fit was given a module that is null, or an empty holder"));
  EXPECT_EQ(trainer.state().status, TrainerState::Status::initializing);
}

class BareImpl : public LightningModule {};
TORCH_MODULE(Bare);

TEST_F(Errors, AnEmptyHolder) {
  Trainer trainer(quiet());
  EXPECT_THAT(error_of([&] { trainer.test(Bare(nullptr), numbers(1)); }),
              HasSubstr("test was given a module that is null, or an empty holder"));
}

TEST_F(Errors, StepsThatAreMissing) {
  EXPECT_THAT(fit(Bare()), HasSubstr("fit needs the module Bare to have a training_step()"));
  class NoOptimizer : public LightningModule {
    StepOutput training_step(const Batch&, int64_t) override { return {}; }
  };
  EXPECT_THAT(fit(std::make_shared<NoOptimizer>()),
              HasSubstr("fit needs the module NoOptimizer to have a configure_optimizers()"))
      << "a private training_step is one, too";
  Trainer trainer(quiet());
  EXPECT_THAT(error_of([&] { trainer.validate(Bare(), numbers(1)); }),
              HasSubstr("validation_step()"));
  EXPECT_THAT(error_of([&] { trainer.test(Bare(), numbers(1)); }), HasSubstr("test_step()"));
  EXPECT_THAT(error_of([&] { trainer.predict(Bare(), numbers(1)); }), HasSubstr("predict_step()"));
}

TEST_F(Errors, AnEntryPointCalledInsideARun) {
  const auto module = std::make_shared<Line>();
  Trainer trainer(quiet({.max_epochs = 1}));
  module->on_step = [&](Line&, const Batch&, int64_t, const torch::Tensor&) {
    EXPECT_EQ(error_of([&] { trainer.test(module, numbers(1)); }),
              "test was called while fit runs; call it afterwards, or use another Trainer");
  };
  trainer.fit(module, numbers(2));
  EXPECT_EQ(trainer.global_step(), 2) << "the run goes on";
}

TEST_F(Errors, AModulePassedAsItsBase) {
  class Step : public LightningModule {
   public:
    Step() { w = register_parameter("w", torch::ones({1})); }
    StepOutput training_step(const Batch& batch, int64_t) override { return (w * batch[0]).sum(); }
    Optimizers configure_optimizers() override {
      return std::make_shared<torch::optim::SGD>(parameters(), 0.1);
    }
    torch::Tensor w;
  };
  // The type does not tell that there is no validation_step.
  const std::shared_ptr<LightningModule> erased = std::make_shared<Step>();
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_THAT(error_of([&] { trainer.fit(erased, numbers(1), numbers(1)); }),
              HasSubstr("fit was given a Step as a LightningModule, so its overridden hooks are "
                        "unknown; pass it as a std::shared_ptr<Step>, or let it override "
                        "overridden_hooks()"));
  EXPECT_EQ(trainer.state().status, TrainerState::Status::initializing) << "nothing has begun";
  class Data : public LightningDataModule {
   public:
    Loaders train_dataloader() override { return numbers(1); }
  };
  const std::shared_ptr<LightningDataModule> data = std::make_shared<Data>();
  EXPECT_THAT(error_of([&] { trainer.fit(std::make_shared<Step>(), data); }),
              HasSubstr("fit was given a Data as a LightningDataModule"));
  class Told : public Step {
   public:
    std::optional<HookSet> overridden_hooks() const override {
      return lit::overridden_hooks<Told>();
    }
  };
  const std::shared_ptr<LightningModule> told = std::make_shared<Told>();
  trainer.fit(told, numbers(1), numbers(1));
  EXPECT_EQ(trainer.global_step(), 1);
  EXPECT_THAT(messages_.warnings,
              ::testing::Contains(HasSubstr("has no validation_step; validation is skipped")));
}

TEST_F(Errors, Losses) {
  class Returns : public Line {
   public:
    explicit Returns(std::function<StepOutput(Returns&)> step) : step_(std::move(step)) {}
    StepOutput training_step(const Batch&, int64_t) override { return step_(*this); }

   private:
    std::function<StepOutput(Returns&)> step_;
  };
  const auto sentence = [&](std::function<StepOutput(Returns&)> step, bool anomaly = false) {
    return fit(std::make_shared<Returns>(std::move(step)), numbers(2), {.detect_anomaly = anomaly});
  };
  EXPECT_THAT(sentence([](Returns& m) { return m.w * torch::ones({3}); }),
              HasSubstr("a loss of shape [3], but it must be one number"));
  EXPECT_THAT(sentence([](Returns& m) { return m.w.detach().sum(); }),
              HasSubstr("a loss without a graph"));
  EXPECT_THAT(sentence([](Returns& m) {
                return StepOutput({}, {{"scores", m.w}});
              }),
              HasSubstr("outputs without a loss"));
  EXPECT_THAT(sentence([](Returns& m) { return (m.w - 2).log().sum(); }, true),
              HasSubstr("the loss of batch 0 in epoch 0 is not finite"));
  // A finite loss whose gradient is none: sqrt at 0, times 0.
  EXPECT_THAT(sentence([](Returns& m) { return ((m.w - 1) * 0).sqrt().sum() * 0; }, true),
              HasSubstr("the backward pass of batch 0 in epoch 0 failed: Function 'SqrtBackward0' "
                        "returned nan values"));
}

TEST_F(Errors, Loaders) {
  EXPECT_THAT(fit(std::make_shared<Line>(), {}), HasSubstr("fit has no loader to train with"));
  EXPECT_THAT(fit(std::make_shared<Line>(), {numbers(1), numbers(1)}),
              HasSubstr("takes one loader to train with, not 2"));
  EXPECT_THAT(fit(std::make_shared<Line>(), numbers(0, 1, false)),
              HasSubstr("the train loader gave no batch"));
  Trainer trainer(quiet());
  EXPECT_THAT(error_of([&] { trainer.test(std::make_shared<Line>()); }),
              HasSubstr("test has no loader"));
  EXPECT_THAT(error_of([&] { trainer.predict(std::make_shared<Line>()); }),
              HasSubstr("predict has no loader"));
}

TEST_F(Errors, ABatchOnTheWrongDevice) {
  class Elsewhere : public Line {
   public:
    Batch on_after_batch_transfer(Batch batch, int64_t) override {
      return batch[0].to(torch::kMeta);
    }
  };
  EXPECT_THAT(fit(std::make_shared<Elsewhere>()),
              HasSubstr("the batch is on meta, but the module is on cpu"));
}

TEST_F(Errors, AMonitorThatIsNeverLogged) {
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line& self, const Batch&, int64_t, const torch::Tensor& loss) {
    self.log("train_loss", loss, {.on_step = true, .on_epoch = true});
  };
  EXPECT_THAT(
      fit(module, numbers(2), {.callbacks = {callback<EarlyStopping>({.monitor = "val_loss"})}}),
      HasSubstr(
          "Early stopping conditioned on metric `val_loss` which is not available. Pass in or "
          "modify your `EarlyStopping` callback to use any of the following: `train_loss`, "
          "`train_loss_epoch`, `train_loss_step`"));
}

TEST_F(Errors, OptimizersAndSchedulers) {
  const auto sentence =
      [&](std::function<Optimizers(const std::shared_ptr<torch::optim::SGD>&)> make) {
        const auto module = std::make_shared<Line>();
        module->configure = std::move(make);
        return fit(module);
      };
  EXPECT_THAT(sentence([](const auto& sgd) {
                return Optimizers{{.optimizer = sgd}, {.optimizer = sgd}};
              }),
              HasSubstr("returned 2 optimizers, but automatic optimization works with one"));
  EXPECT_THAT(sentence([](const auto&) { return Optimizers(OptimizerConfig{}); }),
              HasSubstr("one that is null"));
  const auto with = [](LRSchedulerConfig config) {
    return [config](const std::shared_ptr<torch::optim::SGD>& sgd) mutable {
      if (config.scheduler == nullptr) config.scheduler = std::make_shared<StepLR>(sgd, 1);
      return Optimizers(OptimizerConfig{.optimizer = sgd, .lr_scheduler = config});
    };
  };
  EXPECT_THAT(sentence(with({.interval = "batch"})),
              HasSubstr("\"batch\", but must be epoch or step"));
  EXPECT_THAT(sentence(with({.frequency = 0})), HasSubstr("frequency of a scheduler is 0"));
  const auto other = std::make_shared<torch::optim::SGD>(std::vector{torch::ones({1})}, 0.1);
  EXPECT_THAT(sentence(with({.scheduler = std::make_shared<StepLR>(other, 1)})),
              HasSubstr("a scheduler of an optimizer that it did not return"));
  EXPECT_THAT(sentence([](const auto& sgd) {
                return OptimizerConfig{.optimizer = sgd,
                                       .lr_scheduler = LRSchedulerConfig{
                                           .scheduler = std::make_shared<ReduceLROnPlateau>(sgd)}};
              }),
              HasSubstr("steps by a metric, without the name of one; set its monitor"));
}

TEST_F(Errors, AnOverrideThatForgetsTheClosure) {
  class Forgets : public Line {
   public:
    void optimizer_step(int64_t, int64_t, LightningOptimizer&, const Closure&) override {}
  };
  EXPECT_THAT(fit(std::make_shared<Forgets>()), HasSubstr("did not call its closure"));
}

TEST_F(Errors, ManualOptimization) {
  const auto module = std::make_shared<Line>();
  module->automatic_optimization = false;
  EXPECT_THAT(fit(module, numbers(1), {.gradient_clip_val = 1.0}),
              HasSubstr("gradient_clip_val is given"));
  EXPECT_THAT(fit(module, numbers(1), {.accumulate_grad_batches = 2}),
              HasSubstr("accumulate_grad_batches is given"));
  class Calls : public Line {
   public:
    StepOutput training_step(const Batch&, int64_t) override {
      manual_backward(w.sum());
      return {};
    }
  };
  EXPECT_THAT(fit(std::make_shared<Calls>()),
              HasSubstr("manual_backward() was called in automatic optimization"));
}

TEST_F(Errors, Options) {
  const auto sentence = [](TrainerOptions options) {
    return error_of([&] { Trainer trainer(quiet(std::move(options))); });
  };
  EXPECT_EQ(sentence({.max_epochs = -2}),
            "max_epochs is -2, but must be at least -1, where -1 is no end");
  EXPECT_THAT(sentence({.max_steps = -2}), HasSubstr("max_steps is -2"));
  EXPECT_THAT(sentence({.fast_dev_run = -1}), HasSubstr("fast_dev_run is -1"));
  EXPECT_EQ(sentence({.limit_val_batches = 1.5}),
            "limit_val_batches is 1.5, but must be a share from 0.0 to 1.0, or a whole number of "
            "batches");
  EXPECT_THAT(sentence({.limit_test_batches = -1}), HasSubstr("limit_test_batches is -1"));
  EXPECT_THAT(sentence({.overfit_batches = -0.1}), HasSubstr("overfit_batches is -0.1"));
  EXPECT_THAT(sentence({.val_check_interval = 1.5}), HasSubstr("val_check_interval is 1.5"));
  EXPECT_THAT(sentence({.val_check_interval = 0.5, .check_val_every_n_epoch = std::nullopt}),
              HasSubstr("give a whole number of batches"));
  EXPECT_THAT(sentence({.check_val_every_n_epoch = 0}), HasSubstr("check_val_every_n_epoch is 0"));
  EXPECT_THAT(sentence({.num_sanity_val_steps = -2}), HasSubstr("num_sanity_val_steps is -2"));
  EXPECT_THAT(sentence({.accumulate_grad_batches = 0}), HasSubstr("accumulate_grad_batches is 0"));
  EXPECT_THAT(sentence({.gradient_clip_val = NAN}), HasSubstr("gradient_clip_val is nan"));
  EXPECT_THAT(sentence({.deterministic = "maybe"}), HasSubstr("true, false or \"warn\""));
  EXPECT_THAT(sentence({.devices = 2}), HasSubstr("devices is 2, but only one device"));
  EXPECT_THAT(sentence({.devices = "0,1"}), HasSubstr("devices is \"0,1\""));
  EXPECT_THAT(sentence({.callbacks = {nullptr}}), HasSubstr("callbacks has one that is null"));
  EXPECT_THAT(error_of([] { Trainer trainer({.accelerator = "gpus"}); }),
              HasSubstr("accelerator: "));
  EXPECT_EQ(error_of([] { Trainer trainer({.accelerator = "gpus"}); }),
            "accelerator: \"gpus\" is none of auto, cpu, cuda, gpu and mps; did you mean gpu?");
  EXPECT_THAT(error_of([] { Trainer trainer({.accelerator = "cdua"}); }),
              HasSubstr("did you mean cuda?"));
  EXPECT_THAT(error_of([] { Trainer trainer({.accelerator = "cuda", .devices = "99,"}); }),
              ::testing::AllOf(::testing::StartsWith("accelerator cuda:99 cannot be had: "),
                               ::testing::Not(HasSubstr("--"))));
  EXPECT_THAT(error_of([] { Trainer trainer({.accelerator = "cuda:1"}); }),
              HasSubstr("which of several is said by devices"));
  EXPECT_THAT(error_of([] { callback<EarlyStopping>({}); }),
              HasSubstr("needs the name of a metric"));
  EXPECT_THAT(error_of([] { callback<EarlyStopping>({.monitor = "a", .mode = "lowest"}); }),
              HasSubstr("\"lowest\", but must be min or max"));
}

TEST_F(Errors, CtrlC) {
  struct Sees : Callback {
    void on_exception(Trainer& trainer, LightningModule&, const std::exception& error) override {
      seen = dynamic_cast<const Interrupted*>(&error) != nullptr && trainer.interrupted();
    }
    void on_train_end(Trainer&, LightningModule&) override { ended = true; }
    bool seen = false, ended = false;
  };
  const auto sees = std::make_shared<Sees>();
  Trainer trainer(quiet({.callbacks = {sees}, .max_epochs = 1}));
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line&, const Batch&, int64_t idx, const torch::Tensor&) {
    if (idx == 2) std::raise(SIGINT);
  };
  try {
    trainer.fit(module, numbers(5));
    FAIL() << "no exception";
  } catch (const Interrupted& stop) {
    EXPECT_EQ(stop.signal(), SIGINT);
  }
  EXPECT_TRUE(sees->seen);
  EXPECT_FALSE(sees->ended);
  EXPECT_EQ(trainer.global_step(), 3) << "the batch under way was brought to its end";
}

TEST_F(Errors, SignalsCanBeLeftToTheHost) {
  static volatile std::sig_atomic_t heard = 0;
  const auto before = std::signal(SIGINT, [](int) { heard = 1; });
  std::ostringstream stream;
  auto options = quiet({.callbacks = {std::make_shared<ProgressBar>(course::ProgressOutput{
                            &stream, {.interactive = false, .width = 80}, [] { return 0.0; }})},
                        .max_epochs = 1});
  options.enable_progress_bar = true;
  Trainer trainer(options);
  trainer.handle_signals(false);
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line&, const Batch&, int64_t idx, const torch::Tensor&) {
    if (idx == 2) std::raise(SIGINT);
  };
  trainer.fit(module, numbers(5));
  EXPECT_EQ(heard, 1);
  EXPECT_EQ(trainer.global_step(), 5);
  std::signal(SIGINT, before);
}

}  // namespace
}  // namespace lit
