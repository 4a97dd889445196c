// What is logged where, how it is summed up, and what loggers and monitors get: Lightning's tables.
#include <cmath>

#include "lit/callbacks/early_stopping.h"
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
using ::testing::Pair;
using testing::quiet;

class Logging : public ::testing::Test {
 protected:
  TrainerOptions with_logger(TrainerOptions options) {
    logger_ = std::make_shared<MemoryLogger>();
    options.logger = {logger_};
    options.num_sanity_val_steps = 0;
    return quiet(std::move(options));
  }
  static std::vector<std::string> names(const LoggedMetrics& metrics) {
    std::vector<std::string> result;
    for (const auto& [name, value] : metrics) result.push_back(name);
    return result;
  }
  // The value of the batch in every step.
  static auto log_value(LogOptions options) {
    return [options](Line& self, const Batch& batch, int64_t, const torch::Tensor&) {
      self.log("m", batch[0].mean(), options);
    };
  }

  Messages messages_;
  std::shared_ptr<MemoryLogger> logger_;
  std::shared_ptr<Line> module_ = std::make_shared<Line>();
};

// Five batches, log_every_n_steps 2, two epochs, two validation batches.
TEST_F(Logging, RowsAndTheirSteps) {
  module_->on_step = log_value({.on_step = true, .on_epoch = true});
  module_->on_validation = [](Line& self, const Batch& batch, int64_t, int64_t) {
    self.log("v", batch[0].mean(), {.on_step = true, .on_epoch = true});
  };
  Trainer trainer(with_logger({.max_epochs = 2, .log_every_n_steps = 2}));
  trainer.fit(module_, numbers(5), numbers(2));
  EXPECT_THAT(logger_->of("m_step"),
              ElementsAre(Pair(1, 2), Pair(3, 4), Pair(5, 1), Pair(7, 3), Pair(9, 5)));
  EXPECT_THAT(logger_->of("m_epoch"), ElementsAre(Pair(4, 3), Pair(9, 3)));
  EXPECT_THAT(logger_->of("v_step"), ElementsAre(Pair(0, 1), Pair(1, 2), Pair(2, 1), Pair(3, 2)));
  EXPECT_THAT(logger_->of("v_epoch"), ElementsAre(Pair(4, 1.5), Pair(9, 1.5)));
  for (const auto& row : logger_->rows) {
    EXPECT_EQ(row.metrics.count("epoch"), row.metrics.count("v_step") == 0 ? 1U : 0U);
  }
  EXPECT_THAT(logger_->statuses, ElementsAre("success"));
}

TEST_F(Logging, AccumulationLogsAtSteps) {
  module_->on_step = log_value({.on_step = true, .on_epoch = true});
  Trainer trainer(
      with_logger({.max_epochs = 3, .log_every_n_steps = 1, .accumulate_grad_batches = 2}));
  trainer.fit(module_, numbers(12));
  EXPECT_THAT(logger_->steps_of("m_epoch"), ElementsAre(5, 11, 17));
  EXPECT_EQ(logger_->steps_of("m_step").size(), 18U);
}

TEST_F(Logging, EveryZeroStepsIsEpochsOnly) {
  module_->on_step = log_value({.on_step = true, .on_epoch = true});
  Trainer trainer(with_logger({.max_epochs = 1, .log_every_n_steps = 0}));
  trainer.fit(module_, numbers(5));
  EXPECT_TRUE(logger_->of("m_step").empty());
  EXPECT_THAT(logger_->of("m_epoch"), ElementsAre(Pair(4, 3)));
}

// Values 1 to 5, two samples each.
TEST_F(Logging, Reductions) {
  const auto epoch = [&](LogOptions options) {
    options.on_epoch = true;
    module_->on_step = log_value(options);
    Trainer trainer(with_logger({.max_epochs = 1}));
    trainer.fit(module_, numbers(5, 2));
    return trainer.callback_metrics().at("m_epoch").value();
  };
  EXPECT_DOUBLE_EQ(epoch({}), 3);
  EXPECT_DOUBLE_EQ(epoch({.reduce_fx = Reduce::sum}), 15);
  EXPECT_DOUBLE_EQ(epoch({.reduce_fx = Reduce::max}), 5);
  EXPECT_DOUBLE_EQ(epoch({.reduce_fx = Reduce::min}), 1);
}

TEST_F(Logging, AMeanIsWeightedByTheBatch) {
  // Batches of 2, 2 and 1 samples, with the values 1, 2 and 4.
  const auto loader = std::make_shared<testing::ListLoader>(std::vector<Batch>{
      torch::full({2, 1}, 1.0F), torch::full({2, 1}, 2.0F), torch::full({1, 1}, 4.0F)});
  const auto mean = [&](std::optional<int64_t> batch_size) {
    module_->on_step = log_value({.on_step = false, .on_epoch = true, .batch_size = batch_size});
    Trainer trainer(with_logger({.max_epochs = 1}));
    trainer.fit(module_, loader);
    return trainer.callback_metrics().at("m").value();
  };
  EXPECT_DOUBLE_EQ(mean(std::nullopt), (1 * 2 + 2 * 2 + 4) / 5.0);
  EXPECT_NEAR(mean(7), (1 + 2 + 4) / 3.0, 1e-6);
}

TEST_F(Logging, UnevenBatchesAreWarnedOfOnce) {
  const auto loader = std::make_shared<testing::ListLoader>(
      std::vector<Batch>(3, Batch{torch::ones({2, 1}), torch::ones({3})}));
  module_->on_step = log_value({.on_epoch = true});
  Trainer trainer(with_logger({.max_epochs = 1, .limit_val_batches = 0}));
  trainer.fit(module_, loader);
  EXPECT_EQ(std::count_if(messages_.warnings.begin(), messages_.warnings.end(),
                          [](const std::string& text) {
                            return text.find("different first dimensions") != std::string::npos;
                          }),
            1);
}

TEST_F(Logging, Containers) {
  module_->on_step = [](Line& self, const Batch& batch, int64_t, const torch::Tensor&) {
    self.log("both", batch[0].mean(), {.prog_bar = true, .on_step = true, .on_epoch = true});
    self.log("step", batch[0].mean() * 0, {.logger = false});
  };
  module_->on_validation = [](Line& self, const Batch&, int64_t, int64_t) {
    self.log("v", 1.0, {.on_step = true, .on_epoch = true});
  };
  Trainer trainer(with_logger({.max_epochs = 1}));
  module_->on_epoch_end = [&](Line& self) {
    const LoggedMetrics& metrics = self.trainer().callback_metrics();
    EXPECT_DOUBLE_EQ(metrics.at("both").value(), 2) << "the epoch's, by now";
    EXPECT_DOUBLE_EQ(metrics.at("both_step").value(), 3);
    self.log("at_end", 7);
    EXPECT_DOUBLE_EQ(self.trainer().callback_metrics().at("at_end").value(), 7);
  };
  trainer.fit(module_, numbers(3), numbers(1));
  EXPECT_THAT(names(trainer.callback_metrics()),
              ElementsAre("at_end", "both", "both_epoch", "both_step", "step", "v", "v_epoch"));
  EXPECT_THAT(names(trainer.logged_metrics()),
              ElementsAre("at_end", "both_epoch", "both_step", "v_epoch", "v_step"));
  EXPECT_THAT(names(trainer.progress_bar_metrics()), ElementsAre("both_epoch", "both_step"));
  trainer.validate(module_, numbers(1), {.verbose = false});
  EXPECT_THAT(names(trainer.callback_metrics()), ElementsAre("v", "v_epoch")) << "cleared before";
}

TEST_F(Logging, SeveralLoaders) {
  module_->on_test = [](Line& self, const Batch& batch, int64_t, int64_t) {
    self.log("t", batch[0].mean());
    self.log("both", batch[0].mean(), {.on_step = true, .on_epoch = true});
  };
  struct AtEnd : Callback {
    void on_test_epoch_end(Trainer&, LightningModule& module) override { module.log("end", 5); }
  };
  auto options = with_logger({.callbacks = {std::make_shared<AtEnd>()}});
  Trainer trainer(options);
  const auto scores = trainer.test(module_, {numbers(2), numbers(4)}, {.verbose = false});
  ASSERT_EQ(scores.size(), 2U);
  EXPECT_THAT(scores[0], ElementsAre(Pair("both/dataloader_idx_0", 1.5),
                                     Pair("both_epoch/dataloader_idx_0", 1.5), Pair("end", 5),
                                     Pair("t/dataloader_idx_0", 1.5)));
  EXPECT_THAT(scores[1], ElementsAre(Pair("both/dataloader_idx_1", 2.5),
                                     Pair("both_epoch/dataloader_idx_1", 2.5), Pair("end", 5),
                                     Pair("t/dataloader_idx_1", 2.5)));
  EXPECT_THAT(logger_->steps_of("both_step/dataloader_idx_0"), ElementsAre(0, 1));
  EXPECT_THAT(logger_->steps_of("both_step/dataloader_idx_1"), ElementsAre(0, 1, 2, 3));

  module_->on_test = [](Line& self, const Batch& batch, int64_t, int64_t) {
    self.log("t", batch[0].mean(), {.add_dataloader_idx = false});
  };
  EXPECT_THAT(error_of([&] {
                trainer.test(module_, {numbers(1), numbers(1)});
              }),
              HasSubstr("log(\"t\") was called twice in test_step with different options"));
}

// Lightning's: what is logged without the loader's number is still that loader's.
TEST_F(Logging, SeveralLoadersWithoutTheirNumbers) {
  module_->on_test = [](Line& self, const Batch&, int64_t batch_idx, int64_t loader) {
    const LogOptions bare{.on_step = false, .on_epoch = true, .add_dataloader_idx = false};
    self.log("no_dl_" + std::to_string(loader), loader, bare);
    self.log("s" + std::to_string(loader), 10 * loader + batch_idx,
             {.on_step = true, .on_epoch = false, .add_dataloader_idx = false});
  };
  Trainer trainer(with_logger({}));
  const auto scores = trainer.test(module_, {numbers(2), numbers(3)}, {.verbose = false});
  ASSERT_EQ(scores.size(), 2);
  EXPECT_THAT(scores[0], ElementsAre(Pair("no_dl_0", 0)));
  EXPECT_THAT(scores[1], ElementsAre(Pair("no_dl_1", 1)));
  EXPECT_THAT(logger_->of("s0"), ElementsAre(Pair(0, 0), Pair(1, 1)));
  EXPECT_THAT(logger_->of("s1"), ElementsAre(Pair(0, 10), Pair(1, 11), Pair(2, 12)));
}

// Any pointer is a bool for C++, and would be logged as 1.
static_assert(!std::is_constructible_v<LogValue, const char*>);
static_assert(!std::is_constructible_v<LogValue, int*>);
static_assert(!std::is_constructible_v<LogValue, std::nullptr_t>);
static_assert(!std::is_constructible_v<LogValue, std::shared_ptr<int>>);
static_assert(std::is_convertible_v<bool, LogValue> && std::is_convertible_v<size_t, LogValue> &&
              std::is_convertible_v<float, LogValue> &&
              std::is_convertible_v<torch::Tensor, LogValue>);

TEST_F(Logging, AFastDevRunHasALoggerThatKeepsNothing) {
  for (const bool has_logger : {true, false}) {
    bool seen = false;
    module_->on_step = [&](Line& self, auto&&...) {
      seen = self.logger() != nullptr;
      if (seen) self.logger()->log_hyperparams({{"a", 1}});
      self.log("m", 1);
    };
    TrainerOptions options = with_logger({.fast_dev_run = 1});
    if (!has_logger) options.logger = false;
    Trainer trainer(options);
    trainer.fit(module_, numbers(3));
    EXPECT_EQ(seen, has_logger);
    EXPECT_TRUE(logger_->rows.empty());
  }
}

TEST_F(Logging, StandAloneEvaluationReturnsItsScores) {
  module_->on_validation = [](Line& self, const Batch& batch, int64_t, int64_t) {
    self.log("v", batch[0].mean());
  };
  Trainer trainer(with_logger({.max_epochs = 1}));
  trainer.fit(module_, numbers(2), numbers(2));
  logger_->rows.clear();
  const auto scores = trainer.validate(module_, numbers(3), {.verbose = false});
  EXPECT_THAT(scores, ElementsAre(ElementsAre(Pair("v", 2))));
  EXPECT_THAT(logger_->of("v"), ElementsAre(Pair(2, 2))) << "at the count of all steps";
  module_->on_validation = nullptr;
  EXPECT_THAT(trainer.validate(module_, numbers(3)), ElementsAre(Scores{}));
  Trainer none(quiet({.limit_val_batches = 0}));
  EXPECT_TRUE(none.validate(module_, numbers(3)).empty());
}

TEST_F(Logging, ResultsArePrintedAsATable) {
  module_->on_test = [](Line& self, const Batch& batch, int64_t, int64_t) {
    self.log("loss", batch[0].mean() / 3);
    self.log("accuracy", 1);
  };
  Trainer trainer(quiet());
  ::testing::internal::CaptureStdout();
  trainer.test(module_, {numbers(2), numbers(4)});
  EXPECT_EQ(::testing::internal::GetCapturedStdout(),
            "Test metric  DataLoader 0  DataLoader 1\n"
            "───────────  ────────────  ────────────\n"
            "accuracy                1             1\n"
            "loss                  0.5      0.833333\n");
}

TEST_F(Logging, AnIntervalThatNoEpochReaches) {
  Trainer trainer(with_logger({.max_epochs = 1}));
  trainer.fit(module_, numbers(3));
  EXPECT_THAT(messages_.warnings,
              ::testing::Contains(HasSubstr("3 batches, which is less than log_every_n_steps=50")));
}

TEST_F(Logging, AMetricCalledStepIsTheStep) {
  module_->on_step = [](Line& self, const Batch&, int64_t idx, const torch::Tensor& loss) {
    self.log_dict({{"loss", loss}, {"step", 100 + idx}});
  };
  Trainer trainer(with_logger({.max_epochs = 1, .log_every_n_steps = 1}));
  trainer.fit(module_, numbers(2));
  EXPECT_THAT(logger_->steps_of("loss"), ElementsAre(100, 101));
  EXPECT_EQ(logger_->rows.front().metrics.count("epoch"), 0U);
}

TEST_F(Logging, WhatIsLoggedOnceIsSentAgainWithItsOldValue) {
  module_->on_step = [](Line& self, const Batch& batch, int64_t idx, const torch::Tensor&) {
    if (idx == 0) self.log("once", batch[0].mean());
  };
  Trainer trainer(with_logger({.max_epochs = 1, .log_every_n_steps = 1}));
  trainer.fit(module_, numbers(3));
  EXPECT_THAT(logger_->of("once"), ElementsAre(Pair(0, 1), Pair(1, 1), Pair(2, 1)));
}

// Lightning's numbers.
TEST_F(Logging, Refusals) {
  const auto in_step = [&](std::function<void(Line&)> log) {
    module_->on_step = [log](Line& self, const Batch&, int64_t, const torch::Tensor&) {
      log(self);
    };
    Trainer trainer(quiet({.max_epochs = 1}));
    return error_of([&] { trainer.fit(module_, numbers(1)); });
  };
  EXPECT_THAT(in_step([](Line& m) { m.log("a", torch::ones({2})); }),
              HasSubstr("a tensor with one element, but got one of shape [2]"));
  EXPECT_THAT(in_step([](Line& m) { m.log("a", torch::Tensor()); }), HasSubstr("an undefined one"));
  EXPECT_THAT(in_step([](Line& m) { m.log("a", 1, {.on_step = false, .on_epoch = false}); }),
              HasSubstr("neither on_step nor on_epoch"));
  EXPECT_THAT(in_step([](Line& m) {
                m.log("a", 1);
                m.log("a", 1, {.prog_bar = true});
              }),
              HasSubstr("log(\"a\") was called twice in training_step with different options"));
  EXPECT_THAT(in_step([](Line& m) { m.log("a/dataloader_idx_0", 1); }),
              HasSubstr("added to the name by itself"));

  class Wrong : public Line {
   public:
    void on_train_epoch_end() override { log("a", 1, {.on_step = true}); }
    void on_fit_start() override {
      if (in_fit_start) log("a", 1);
    }
    bool in_fit_start = false;
  };
  const auto wrong = std::make_shared<Wrong>();
  Trainer trainer(quiet({.max_epochs = 1}));
  EXPECT_THAT(error_of([&] { trainer.fit(wrong, numbers(1)); }),
              HasSubstr("log(\"a\") has on_step in on_train_epoch_end"));
  wrong->in_fit_start = true;
  EXPECT_THAT(error_of([&] { trainer.fit(wrong, numbers(1)); }),
              HasSubstr("log(\"a\") cannot be called in on_fit_start"));
}

TEST_F(Logging, WithoutATrainerItOnlyWarns) {
  Line alone;
  alone.log("a", 1);
  alone.log("a", 1);
  EXPECT_LE(messages_.warnings.size(), 1U);
}

TEST_F(Logging, ANestedModuleLogsThroughTheTrainerToo) {
  class Inner : public LightningModule {
   public:
    void tell(const torch::Tensor& value) { log("inner", value); }
  };
  class Outer : public Line {
   public:
    Outer() { inner = register_module("inner", std::make_shared<Inner>()); }
    std::shared_ptr<Inner> inner;
  };
  const auto outer = std::make_shared<Outer>();
  outer->on_step = [&](Line&, const Batch& batch, int64_t, const torch::Tensor&) {
    outer->inner->tell(batch[0].mean());
  };
  {
    Trainer trainer(with_logger({.max_epochs = 1}));
    trainer.fit(outer, numbers(2));
    EXPECT_DOUBLE_EQ(trainer.callback_metrics().at("inner").value(), 2);
    EXPECT_EQ(&outer->inner->trainer(), &trainer);
  }
  EXPECT_THAT(error_of([&] { outer->inner->trainer(); }), HasSubstr("none runs it"));
}

TEST_F(Logging, Hyperparameters) {
  module_->save_hyperparameters({{"lr", 0.1}, {"hidden", 128}});
  module_->save_hyperparameters({{"hidden", 64}});
  class Data : public LightningDataModule {
   public:
    Loaders train_dataloader() override { return numbers(1); }
  };
  const auto data = std::make_shared<Data>();
  data->save_hyperparameters({{"batch_size", 32}});
  Trainer trainer(with_logger({.max_epochs = 1}));
  trainer.fit(module_, data);
  EXPECT_EQ(logger_->hyperparams.size(), 3U);
  EXPECT_EQ(logger_->hyperparams.at("hidden").as_int(), 64);
  data->save_hyperparameters({{"lr", 1}});
  EXPECT_THAT(error_of([&] { trainer.fit(module_, data); }),
              HasSubstr("both save the hyperparameter lr"));
}

TEST_F(Logging, FloatsAreSummedAsTensorsWouldBe) {
  torch::manual_seed(0);
  const torch::Tensor values = torch::rand({1000});
  torch::Tensor sum = torch::zeros({});
  for (int64_t i = 0; i < 1000; ++i) sum += values[i] * 7;
  int64_t i = 0;
  module_->on_step = [&](Line& self, const Batch&, int64_t, const torch::Tensor&) {
    self.log("m", values[i++], {.on_step = false, .on_epoch = true, .batch_size = 7});
  };
  Trainer trainer(with_logger({.max_epochs = 1}));
  trainer.fit(module_, numbers(1000));
  EXPECT_EQ(trainer.callback_metrics().at("m").value(), sum.item<double>() / 7000);
}

}  // namespace
}  // namespace lit
