// Callbacks that look on and tell: learning rates, time, throughput, devices, gradients.
#include <cmath>
#include <thread>

#include "device/usage.h"
#include "lit/callbacks/device_stats_monitor.h"
#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/gradient_accumulation_scheduler.h"
#include "lit/callbacks/gradient_norm_monitor.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/learning_rate_monitor.h"
#include "lit/callbacks/throughput_monitor.h"
#include "lit/callbacks/timer.h"
#include "testing.h"

namespace lit {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Line;
using testing::MemoryLogger;
using testing::Messages;
using testing::numbers;
using ::testing::Pair;
using testing::quiet;

class MonitorTest : public ::testing::Test {
 protected:
  TrainerOptions with(std::vector<std::shared_ptr<Callback>> callbacks, TrainerOptions options) {
    options.logger = {logger_};
    options.callbacks = std::move(callbacks);
    options.limit_val_batches = 0;
    return quiet(std::move(options));
  }
  Messages messages_;
  std::shared_ptr<MemoryLogger> logger_ = std::make_shared<MemoryLogger>();
};
using LearningRates = MonitorTest;
using Clock = MonitorTest;
using Throughput = MonitorTest;
using DeviceStats = MonitorTest;
using GradientNorms = MonitorTest;

// --- Learning rates -----------------------------------------------------------------------------

std::shared_ptr<Line> halving(const std::string& interval, const std::string& name = "") {
  const auto module = std::make_shared<Line>(0.4);
  module->configure = [=](const std::shared_ptr<torch::optim::SGD>& sgd) {
    return OptimizerConfig{
        .optimizer = sgd,
        .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(sgd, 1, 0.5),
                                          .interval = interval,
                                          .name = name}};
  };
  return module;
}

TEST_F(LearningRates, OncePerEpoch) {
  const auto monitor = callback<LearningRateMonitor>();
  Trainer trainer(with({monitor}, {.max_epochs = 2, .log_every_n_steps = 1}));
  trainer.fit(halving("epoch"), numbers(4));
  EXPECT_THAT(logger_->of("lr-SGD"), ElementsAre(Pair(0, .4), Pair(4, .2)));
  EXPECT_THAT(monitor->lrs().at("lr-SGD"), ElementsAre(.4, .2));
  EXPECT_TRUE(messages_.warnings.empty());
}

TEST_F(LearningRates, AtEveryLoggedStep) {
  Trainer trainer(with({callback<LearningRateMonitor>({.logging_interval = "step"})},
                       {.max_epochs = 2, .log_every_n_steps = 2}));
  trainer.fit(halving("epoch"), numbers(4));
  EXPECT_THAT(logger_->of("lr-SGD"),
              ElementsAre(Pair(1, .4), Pair(3, .4), Pair(5, .2), Pair(7, .2)));
}

TEST_F(LearningRates, AsTheSchedulerIsStepped) {
  const auto module = std::make_shared<Line>(0.2);
  module->configure = [](const std::shared_ptr<torch::optim::SGD>& sgd) {
    return OptimizerConfig{
        .optimizer = sgd,
        .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(sgd, 1, 0.5),
                                          .interval = "step",
                                          .frequency = 2}};
  };
  Trainer trainer(
      with({callback<LearningRateMonitor>()}, {.max_epochs = 1, .log_every_n_steps = 2}));
  trainer.fit(module, numbers(4));
  EXPECT_THAT(logger_->of("lr-SGD"), ElementsAre(Pair(1, .2), Pair(3, .1)));
}

TEST_F(LearningRates, NamesAndWhatElseIsLogged) {
  const auto module = halving("epoch", "speed");
  Trainer trainer(
      with({callback<LearningRateMonitor>(
               {.log_momentum = true, .log_weight_decay = true, .log_key_prefix = "a/"})},
           {.max_epochs = 1, .log_every_n_steps = 1}));
  trainer.fit(module, numbers(1));
  EXPECT_EQ(logger_->rows[0].metrics,
            (std::map<std::string, double>{
                {"a/speed", .4}, {"a/speed-momentum", 0}, {"a/speed-weight_decay", 0}}));
}

TEST_F(LearningRates, SeveralOptimizersAndGroups) {
  const auto module = std::make_shared<Line>();
  module->automatic_optimization = false;
  module->configure = [&](const std::shared_ptr<torch::optim::SGD>& sgd) {
    sgd->add_param_group(torch::optim::OptimizerParamGroup(
        {torch::zeros({1}).requires_grad_()}, std::make_unique<torch::optim::SGDOptions>(0.7)));
    const auto extra = std::make_shared<torch::optim::SGD>(
        std::vector<torch::Tensor>{torch::zeros({1}).requires_grad_()}, 0.9);
    return Optimizers{{.optimizer = sgd}, {.optimizer = extra}};
  };
  Trainer trainer(with({callback<LearningRateMonitor>({.logging_interval = "epoch"})},
                       {.max_epochs = 1, .log_every_n_steps = 1}));
  trainer.fit(module, numbers(1));
  EXPECT_EQ(
      logger_->rows[0].metrics,
      (std::map<std::string, double>{{"lr-SGD/pg1", .1}, {"lr-SGD/pg2", .7}, {"lr-SGD-1", .9}}));
  EXPECT_THAT(messages_.warnings, ElementsAre(HasSubstr("no learning rate scheduler")));
}

TEST_F(LearningRates, AGroupThatComesLaterTakesTheHistoryToItsNewName) {
  const auto module = halving("epoch");
  const auto monitor = callback<LearningRateMonitor>();
  const auto adds = callback<LambdaCallback>({.on_train_epoch_end = [](Trainer& t, auto&) {
    if (t.current_epoch() > 0) return;
    t.optimizers()[0]->add_param_group(torch::optim::OptimizerParamGroup(
        {torch::zeros({1}).requires_grad_()}, std::make_unique<torch::optim::SGDOptions>(3.0)));
  }});
  Trainer trainer(with({monitor, adds}, {.max_epochs = 2, .log_every_n_steps = 1}));
  trainer.fit(module, numbers(1));
  EXPECT_THAT(monitor->lrs(), ElementsAre(Pair("lr-SGD/pg1", ElementsAre(.4, .2)),
                                          Pair("lr-SGD/pg2", ElementsAre(3.0))));
}

TEST_F(LearningRates, CanBeMonitored) {
  const auto stops = callback<EarlyStopping>({.monitor = "lr-SGD", .stopping_threshold = .15});
  Trainer trainer(with({callback<LearningRateMonitor>(), stops}, {.max_epochs = 9}));
  trainer.fit(halving("epoch"), numbers(60));
  EXPECT_EQ(trainer.current_epoch(), 3) << ".4, .2 and .1";
}

TEST_F(LearningRates, NeedALogger) {
  Trainer trainer(quiet({.callbacks = {callback<LearningRateMonitor>()}, .max_epochs = 1}));
  EXPECT_THAT(error_of([&] { trainer.fit(halving("epoch"), numbers(1)); }),
              HasSubstr("LearningRateMonitor has no logger"));
  Trainer fast(quiet({.callbacks = {callback<LearningRateMonitor>()}, .fast_dev_run = 1}));
  fast.fit(halving("epoch"), numbers(1));
  EXPECT_THAT(error_of([] { LearningRateMonitor({.logging_interval = "batch"}); }),
              HasSubstr("\"batch\""));
}

// --- Time ---------------------------------------------------------------------------------------

TEST_F(Clock, NoTimeAtAll) {
  const auto run = [&](TrainerOptions options) {
    options.max_epochs = 9;
    Trainer trainer(with({callback<Timer>({.duration = std::chrono::seconds(0)})}, options));
    const auto module = std::make_shared<Line>();
    trainer.fit(module, numbers(4));
    return std::pair(trainer.global_step(), trainer.current_epoch());
  };
  EXPECT_EQ(run({}), (std::pair<int64_t, int64_t>(0, 0)));
  EXPECT_THAT(messages_.infos,
              ::testing::Contains(
                  "Time limit reached. Elapsed time is 0:00:00. Signaling Trainer to stop."));
  EXPECT_EQ(run({.min_epochs = 2}).first, 8);
  EXPECT_EQ(run({.min_steps = 6}), (std::pair<int64_t, int64_t>(6, 2)));
}

TEST_F(Clock, MeasuresStagesAndGoesOnFromItsState) {
  const auto timer = callback<Timer>();
  EXPECT_EQ(timer->time_remaining(), std::nullopt);
  const auto module = std::make_shared<Line>();
  const auto nap = [](auto&&...) { std::this_thread::sleep_for(std::chrono::milliseconds(5)); };
  module->on_step = nap;
  module->on_validation = nap;
  TrainerOptions options = with({timer}, {.max_epochs = 1});
  options.limit_val_batches = 1.0;
  Trainer trainer(options);
  trainer.fit(module, numbers(3), numbers(2));
  const double trained = timer->time_elapsed();
  EXPECT_GE(trained, .025) << "validation inside of it included";
  EXPECT_GE(timer->time_elapsed("validate"), .010);
  EXPECT_LT(timer->time_elapsed("validate"), trained);
  EXPECT_EQ(timer->time_elapsed("test"), 0);
  nap();
  EXPECT_EQ(timer->time_elapsed(), trained) << "it stands still";
  EXPECT_THAT(error_of([&] { timer->time_elapsed("predict"); }), HasSubstr("\"predict\""));

  Timer resumed({.duration = std::chrono::hours(1)});
  resumed.load_state_dict(timer->state_dict());
  EXPECT_EQ(resumed.time_elapsed(), trained);
  EXPECT_NEAR(*resumed.time_remaining(), 3600 - trained, 1e-9);
}

TEST_F(Clock, LooksAfterEpochsIfItIsToldTo) {
  const auto timer = callback<Timer>(
      {.duration = std::chrono::milliseconds(1), .interval = "epoch", .verbose = false});
  const auto module = std::make_shared<Line>();
  module->on_step = [](auto&&...) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); };
  Trainer trainer(with({timer}, {.max_epochs = 9}));
  trainer.fit(module, numbers(4));
  EXPECT_EQ(trainer.global_step(), 4);
  EXPECT_THAT(messages_.infos, ::testing::Not(::testing::Contains(HasSubstr("Time limit"))));
  EXPECT_THAT(error_of([] { Timer({.interval = "batch"}); }), HasSubstr("\"batch\""));
}

// --- Throughput ---------------------------------------------------------------------------------

TEST_F(Throughput, CountsBatchesSamplesAndRates) {
  const auto monitor = callback<ThroughputMonitor>(
      {.length_fn = [](const Batch& batch) { return batch[0].numel() * 10; },
       .window_size = 3,
       .flops_per_batch = 1e6,
       .available_flops = 1e12});
  const auto module = std::make_shared<Line>();
  module->on_step = [](auto&&...) { std::this_thread::sleep_for(std::chrono::milliseconds(2)); };
  module->on_validation = [](auto&&...) {
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
  };
  TrainerOptions options = with({monitor}, {.max_epochs = 2, .log_every_n_steps = 1});
  options.limit_val_batches = 1.0;
  options.num_sanity_val_steps = 1;
  Trainer trainer(options);
  trainer.fit(module, numbers(4, /*size=*/5), numbers(2, 3));
  EXPECT_EQ(logger_->steps_of("train/time"), (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_THAT(logger_->of("train/samples").back(), Pair(7, 40));
  EXPECT_THAT(logger_->of("train/batches").back(), Pair(7, 8));
  EXPECT_THAT(logger_->of("train/lengths").back(), Pair(7, 400));
  EXPECT_EQ(logger_->steps_of("train/device/batches_per_sec"),
            (std::vector<int64_t>{2, 3, 4, 5, 6, 7}))
      << "from the third batch on the window is full";
  const auto last = logger_->rows;
  const double batches = logger_->of("train/device/batches_per_sec").back().second;
  EXPECT_LE(batches, 500) << "two milliseconds and more each";
  EXPECT_DOUBLE_EQ(logger_->of("train/device/samples_per_sec").back().second, 5 * batches);
  EXPECT_DOUBLE_EQ(logger_->of("train/device/items_per_sec").back().second, 50 * batches);
  EXPECT_DOUBLE_EQ(logger_->of("train/device/flops_per_sec").back().second, 1e6 * batches);
  EXPECT_DOUBLE_EQ(logger_->of("train/device/mfu").back().second, 1e-6 * batches);
  // The clock of training stands still while it validates: 300 ms in the first epoch.
  const auto times = logger_->of("train/time");
  EXPECT_LT(times[4].second - times[3].second, .2);
  // At the batches so far, the sanity check's not among them.
  EXPECT_EQ(logger_->steps_of("validate/samples"), (std::vector<int64_t>{1, 2, 3, 4}));
  EXPECT_THAT(logger_->of("validate/samples").back(), Pair(4, 6));
}

TEST_F(Throughput, LogsWhereAStepIsDue) {
  Trainer trainer(with(
      {callback<ThroughputMonitor>({.batch_size_fn = [](const Batch&) { return int64_t{7}; }})},
      {.max_epochs = 1, .log_every_n_steps = 1, .accumulate_grad_batches = 2}));
  trainer.fit(std::make_shared<Line>(), numbers(5));
  EXPECT_THAT(logger_->of("train/samples"), ElementsAre(Pair(0, 14), Pair(1, 28), Pair(2, 35)));
  EXPECT_THAT(error_of([] { ThroughputMonitor({.window_size = 1}); }), HasSubstr("window_size"));
  EXPECT_THAT(error_of([] { ThroughputMonitor({.available_flops = 1}); }),
              HasSubstr("flops_per_batch"));
}

// --- Devices ----------------------------------------------------------------------------------

TEST_F(DeviceStats, OfTheCpu) {
  Trainer trainer(
      with({callback<DeviceStatsMonitor>()}, {.max_epochs = 1, .log_every_n_steps = 2}));
  trainer.fit(std::make_shared<Line>(), numbers(4));
  for (const char* name : {"cpu_percent", "cpu_vm_percent", "cpu_swap_percent"}) {
    for (const char* hook : {"on_train_batch_start", "on_train_batch_end"}) {
      const auto found = logger_->of(std::string("DeviceStatsMonitor.") + hook + "/" + name);
      ASSERT_EQ(found.size(), 2) << name;
      EXPECT_EQ(found[0].first, 1);
      EXPECT_EQ(found[1].first, 3);
      for (const auto& [step, value] : found) {
        EXPECT_GE(value, 0) << name;
        EXPECT_LE(value, 100) << name;
      }
    }
  }
  EXPECT_GT(logger_->of("DeviceStatsMonitor.on_train_batch_end/cpu_vm_percent")[0].second, 0);
}

TEST_F(DeviceStats, AProcessorThatIsBusyShows) {
  course::CpuUsage usage;
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  volatile double sink = 0;
  while (std::chrono::steady_clock::now() < until) sink = sink + 1;
  EXPECT_GT(usage.stats().at("cpu_percent"), 50.0 / std::thread::hardware_concurrency());
  EXPECT_TRUE(course::device_stats(torch::kCPU).empty());
}

TEST_F(DeviceStats, OnlyTheOnesAskedForAndOnlyWithALogger) {
  Trainer trainer(with({callback<DeviceStatsMonitor>({.filter_keys = {"cpu_percent"}})},
                       {.max_epochs = 1, .log_every_n_steps = 1}));
  trainer.fit(std::make_shared<Line>(), numbers(1));
  EXPECT_EQ(logger_->rows[0].metrics.size(), 1);
  Trainer none(with({callback<DeviceStatsMonitor>({.cpu_stats = false})}, {.max_epochs = 1}));
  logger_->rows.clear();
  none.fit(std::make_shared<Line>(), numbers(60));
  EXPECT_TRUE(logger_->rows.empty());
  Trainer without(quiet({.callbacks = {callback<DeviceStatsMonitor>()}, .max_epochs = 1}));
  EXPECT_THAT(error_of([&] { without.fit(std::make_shared<Line>(), numbers(1)); }),
              HasSubstr("DeviceStatsMonitor has no logger"));
}

// --- Gradients --------------------------------------------------------------------------------

// Two parameters: loss = 3 a + 4 b, so that the gradients are 3 and 4.
class Slope : public LightningModule {
 public:
  Slope() {
    a = register_parameter("a", torch::ones({1}));
    b = register_parameter("b", torch::ones({2}));
    unused = register_parameter("unused", torch::ones({1}));
  }
  StepOutput training_step(const Batch&, int64_t) override {
    return (3 * a).sum() + (4 * b.slice(0, 0, 1)).sum();
  }
  Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(parameters(), 0.1);
  }
  torch::Tensor a, b, unused;
};

TEST_F(GradientNorms, BeforeTheyAreClipped) {
  Trainer trainer(with({callback<GradientNormMonitor>({.per_parameter = true})},
                       {.max_epochs = 1, .log_every_n_steps = 2, .gradient_clip_val = 0.5}));
  trainer.fit(std::make_shared<Slope>(), numbers(2));
  EXPECT_THAT(logger_->of("grad_2.0_norm_total"), ElementsAre(Pair(1, 5)));
  EXPECT_THAT(logger_->of("grad_2.0_norm/a"), ElementsAre(Pair(1, 3)));
  EXPECT_THAT(logger_->of("grad_2.0_norm/b"), ElementsAre(Pair(1, 4)));
  EXPECT_TRUE(logger_->of("grad_2.0_norm/unused").empty());
}

TEST_F(GradientNorms, OtherNormsAndTheProgressBar) {
  Trainer trainer(with({callback<GradientNormMonitor>({.norm_type = INFINITY, .prog_bar = true})},
                       {.max_epochs = 1}));
  trainer.fit(std::make_shared<Slope>(), numbers(1));
  EXPECT_EQ(trainer.progress_bar_metrics().at("grad_inf_norm_total").value(), 4);
  EXPECT_TRUE(logger_->of("grad_inf_norm/a").empty());
  const Slope slope;
  EXPECT_TRUE(grad_norm(slope).empty()) << "no gradient yet";
  EXPECT_THAT(error_of([&] { grad_norm(slope, 0); }), HasSubstr("norm_type"));
  EXPECT_THAT(error_of([] { GradientNormMonitor({.norm_type = -1}); }), HasSubstr("above 0"));
}

}  // namespace
}  // namespace lit
