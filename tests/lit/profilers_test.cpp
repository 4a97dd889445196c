// Profilers: what is measured under which name, and what comes out.
#include <ATen/record_function.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

#include "../common/temporary_folder.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/profilers/pytorch_profiler.h"
#include "lit/profilers/simple_profiler.h"
#include "testing.h"

namespace lit {
namespace {

using course::testing::bytes_of;
using course::testing::TemporaryFolder;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Line;
using testing::Messages;
using testing::numbers;
using testing::quiet;
using ::testing::StartsWith;

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> found;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) found.push_back(line);
  return found;
}

class Profilers : public ::testing::Test {
 protected:
  TrainerOptions with(ProfilerChoice profiler, TrainerOptions options = {.max_epochs = 2}) {
    options.profiler = std::move(profiler);
    options.default_root_dir = folder_.path();
    return quiet(std::move(options));
  }

  Messages messages_;
  TemporaryFolder folder_;
  std::shared_ptr<Line> module_ = std::make_shared<Line>();
};

// Two epochs of four batches, two validation batches, two in the sanity check: Lightning's counts.
TEST_F(Profilers, SimpleCountsWhatLightningCounts) {
  const auto profiler = std::make_shared<SimpleProfiler>();
  TrainerOptions options{.callbacks = {callback<ModelCheckpoint>()}, .max_epochs = 2};
  Trainer trainer(with(profiler, options));
  trainer.fit(module_, numbers(4), numbers(2));
  const auto calls = [&](const std::string& action) {
    const auto found = profiler->recorded().find(action);
    return found == profiler->recorded().end() ? 0 : found->second.calls;
  };
  EXPECT_EQ(calls("run_training_epoch"), 2);
  EXPECT_EQ(calls("run_training_batch"), 8);
  EXPECT_EQ(calls("[_TrainingEpochLoop].train_dataloader_next"), 8);
  EXPECT_EQ(calls("[_EvaluationLoop].val_next"), 6);
  EXPECT_EQ(calls("[Strategy]SingleDeviceStrategy.training_step"), 8);
  EXPECT_EQ(calls("[Strategy]SingleDeviceStrategy.backward"), 8);
  EXPECT_EQ(calls("[Strategy]SingleDeviceStrategy.validation_step"), 6);
  EXPECT_EQ(calls("[Strategy]SingleDeviceStrategy.batch_to_device"), 14);
  EXPECT_EQ(calls("[LightningModule]Line.optimizer_step"), 8);
  EXPECT_EQ(calls("[LightningModule]Line.transfer_batch_to_device"), 14);
  EXPECT_EQ(calls("setup_train_dataloader"), 1);
  EXPECT_EQ(calls("save_checkpoint"), 2);
  const std::string key = options.callbacks[0]->state_key();
  EXPECT_EQ(calls("[Callback]" + key + ".on_train_batch_end"), 8);
  EXPECT_EQ(calls("[Callback]" + key + ".on_train_epoch_end"), 2);

  // What is inside of an action is in its time.
  const auto seconds = [&](const std::string& action) {
    return profiler->recorded().at(action).seconds;
  };
  EXPECT_GE(seconds("run_training_epoch"), seconds("run_training_batch"));
  EXPECT_GE(seconds("[LightningModule]Line.optimizer_step"),
            seconds("[Strategy]SingleDeviceStrategy.training_step") +
                seconds("[Strategy]SingleDeviceStrategy.backward"));
}

TEST_F(Profilers, SimpleTellsOfItInATable) {
  Trainer(with("simple")).fit(module_, numbers(4), numbers(2));
  std::string report;
  for (const std::string& text : messages_.infos) {
    if (text.find("Profiler Report") != std::string::npos) report = text;
  }
  const auto row = lines(report);
  ASSERT_GT(row.size(), 10U);
  EXPECT_EQ(row[0], "FIT Profiler Report");
  EXPECT_THAT(row[2], StartsWith("Action "));
  EXPECT_THAT(row[2], HasSubstr("Mean duration (s)  Num calls  Total time (s)  Percentage %"));
  EXPECT_THAT(row[4], StartsWith("Total "));
  EXPECT_THAT(row[4], HasSubstr("100 %"));
  EXPECT_THAT(row[6], StartsWith("run_training_epoch "));  // the largest share
}

TEST_F(Profilers, ShortAndInAFileAndWithBlocksOfTheUser) {
  const auto profiler = std::make_shared<SimpleProfiler>(SimpleProfilerOptions{
      .dirpath = folder_.path() / "here", .filename = "a/b", .extended = false});
  module_->on_step = [](Line& self, const Batch&, int64_t, const torch::Tensor&) {
    // region block
    const auto timed = self.trainer().profiler().profile("my own");
    // endregion
  };
  Trainer trainer(with(profiler));
  trainer.fit(module_, numbers(3));
  const std::string text = bytes_of(folder_.path() / "here/fit-a_b.txt");
  EXPECT_THAT(text, StartsWith("FIT Profiler Report\n\nAction "));
  EXPECT_THAT(text, HasSubstr("Mean duration (s)  Total time (s)\n"));
  EXPECT_THAT(text, HasSubstr("\nmy own "));
  EXPECT_EQ(profiler->recorded().at("my own").calls, 6);
}

TEST_F(Profilers, WrongUseIsRefused) {
  SimpleProfiler profiler;
  profiler.start("a");
  EXPECT_EQ(error_of([&] { profiler.start("a"); }),
            "the profiler was told to start a, which runs already");
  EXPECT_EQ(error_of([&] { profiler.stop("b"); }),
            "the profiler was told to stop b, which does not run");
  EXPECT_EQ(error_of([&] { Trainer trainer(with("simpel")); }),
            "profiler is \"simpel\", but must be simple, pytorch, or a Profiler");
  EXPECT_THAT(error_of([&] { Trainer trainer(with("advanced")); }), HasSubstr("there is perf"));
  EXPECT_THAT(error_of([] { PyTorchProfiler profiler({.active = 0}); }),
              HasSubstr("wait, warmup and active of the profiler are 1, 1 and 0"));
  EXPECT_THAT(error_of([] { PyTorchProfiler profiler({.sort_by_key = "cuda"}); }),
              HasSubstr("cpu_time_total, self_cpu_time_total, count"));
}

TEST_F(Profilers, WithoutOneBlocksOfTheUserAreNothing) {
  Trainer trainer(with(""));
  const auto timed = trainer.profiler().profile("my own");
  EXPECT_EQ(trainer.profiler().summary(), "");
}

// --- libtorch's operators ---------------------------------------------------------------------

class Layers : public LightningModule {
 public:
  Layers() { net_ = register_module("net", torch::nn::Linear(3, 2)); }
  StepOutput training_step(const Batch& batch, int64_t) override {
    RECORD_USER_SCOPE("my scope");
    return net_(batch[0]).square().mean();
  }
  StepOutput test_step(const Batch& batch, int64_t, int64_t) override {
    net_(batch[0]);
    return {};
  }
  Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(parameters(), 0.1);
  }

 private:
  torch::nn::Linear net_{nullptr};
};

std::shared_ptr<testing::ListLoader> threes(int64_t n) {
  return std::make_shared<testing::ListLoader>(
      std::vector<Batch>(static_cast<size_t>(n), torch::ones({4, 3})));
}

using Event = PyTorchProfiler::Event;

std::vector<Event> of(const PyTorchProfiler& profiler, const std::string& name) {
  std::vector<Event> found;
  for (const Event& event : profiler.events()) {
    if (event.name == name) found.push_back(event);
  }
  return found;
}

bool contains(const Event& outer, const Event& inner) {
  return outer.begin <= inner.begin && inner.begin + inner.duration <= outer.begin + outer.duration;
}

TEST_F(Profilers, PyTorchKeepsTheActiveBatches) {
  const auto profiler =
      std::make_shared<PyTorchProfiler>(PyTorchProfilerOptions{.dirpath = folder_.path()});
  Trainer trainer(with(profiler, {.max_epochs = 1}));
  trainer.fit(std::make_shared<Layers>(), threes(8));

  // Of eight batches one is passed over, one forgotten, three are kept.
  const auto addmm = of(*profiler, "aten::addmm");
  ASSERT_EQ(addmm.size(), 3U);
  ASSERT_EQ(of(*profiler, "my scope").size(), 3U);
  ASSERT_EQ(of(*profiler, "ProfilerStep#2").size(), 1U);
  ASSERT_EQ(of(*profiler, "ProfilerStep#4").size(), 1U);
  EXPECT_TRUE(of(*profiler, "ProfilerStep#1").empty());
  EXPECT_TRUE(of(*profiler, "ProfilerStep#5").empty());
  EXPECT_EQ(of(*profiler, "[Strategy]SingleDeviceStrategy.backward").size(), 3U);
  EXPECT_FALSE(of(*profiler, "MeanBackward0").empty());

  // Each is inside of what called it, and its time is no part of the caller's own.
  const Event scope = of(*profiler, "my scope")[0];
  EXPECT_TRUE(contains(of(*profiler, "ProfilerStep#2")[0], scope));
  EXPECT_TRUE(contains(scope, addmm[0]));
  EXPECT_TRUE(contains(of(*profiler, "[Strategy]SingleDeviceStrategy.training_step")[0], scope));
  const auto square = of(*profiler, "aten::square"), pow = of(*profiler, "aten::pow");
  ASSERT_TRUE(square.size() == 3 && contains(square[0], pow[0]));
  EXPECT_LE(square[0].self, square[0].duration - pow[0].duration);
  for (const Event& event : profiler->events()) EXPECT_GE(event.self, 0) << event.name;

  // The trace is JSON, as chrome://tracing wants it.
  const auto trace = nlohmann::json::parse(bytes_of(folder_.path() / "fit-trace.json"));
  ASSERT_EQ(trace.at("traceEvents").size(), profiler->events().size());
  const auto& one = trace.at("traceEvents").at(0);
  EXPECT_EQ(one.at("ph"), "X");
  EXPECT_TRUE(one.at("ts").is_number() && one.at("dur").is_number() && one.contains("tid"));

  // Nobody listens any more.
  const size_t before = profiler->events().size();
  torch::ones({2}).sum();
  EXPECT_EQ(profiler->events().size(), before);
}

TEST_F(Profilers, PyTorchsTableIsByOperator) {
  PyTorchProfilerOptions options{.dirpath = folder_.path(), .filename = "ops", .row_limit = 2};
  options.export_to_chrome = false;
  const auto profiler = std::make_shared<PyTorchProfiler>(options);
  Trainer trainer(with(profiler, {.max_epochs = 1}));
  trainer.fit(std::make_shared<Layers>(), threes(8));
  const auto row = lines(bytes_of(folder_.path() / "fit-ops.txt"));
  ASSERT_EQ(row.size(), 8U);
  EXPECT_EQ(row[0], "3 batches of fit, by operator");
  EXPECT_THAT(row[2], StartsWith("Name "));
  EXPECT_THAT(row[2], HasSubstr("Self CPU %"));
  EXPECT_THAT(row[2], HasSubstr("# of Calls"));
  EXPECT_THAT(row[6], StartsWith("and "));
  EXPECT_THAT(row[7], StartsWith("Self CPU time total: "));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "fit-trace.json"));
}

TEST_F(Profilers, PyTorchInATestAndAfterAnError) {
  const auto profiler = std::make_shared<PyTorchProfiler>(
      PyTorchProfilerOptions{.dirpath = folder_.path(), .wait = 0, .warmup = 0, .active = 2});
  const auto module = std::make_shared<Layers>();
  Trainer trainer(with(profiler, {.max_epochs = 1}));
  trainer.test(module, threes(3), {.verbose = false});
  EXPECT_EQ(of(*profiler, "aten::addmm").size(), 2U);

  // An exception in the middle of a batch: the next run is as good as the first.
  module_->on_test = [](Line&, const Batch&, int64_t batch_idx, int64_t) {
    if (batch_idx == 1) throw std::runtime_error("in the middle");
  };
  EXPECT_THROW(trainer.test(module_, numbers(3)), std::runtime_error);
  trainer.test(module, threes(3), {.verbose = false});
  EXPECT_EQ(of(*profiler, "aten::addmm").size(), 2U);
}

TEST_F(Profilers, ARunThatIsTooShortIsSaid) {
  Trainer(with("pytorch", {.max_epochs = 1})).fit(module_, numbers(2), numbers(1));
  EXPECT_THAT(messages_.warnings,
              ::testing::Contains(HasSubstr("it ends before 2 batches are passed over")));
}

}  // namespace
}  // namespace lit
