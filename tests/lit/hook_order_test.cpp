// The order of all calls is the specification: the lists are those of Lightning's own runs.
#include <sstream>

#include <filesystem>

#include "../common/temporary_folder.h"
#include "lit/callbacks/callback.h"
#include "lit/callbacks/model_checkpoint.h"
#include "testing.h"

namespace lit {
namespace {

using testing::Calls;
using testing::Messages;
using testing::numbers;
using testing::quiet;

Calls calls_of(const std::string& words) {
  std::istringstream stream(words);
  Calls calls;
  for (std::string word; stream >> word;) calls.push_back(word);
  return calls;
}

// Writes down every call of every hook.
class RecordingModule : public LightningModule {
 public:
  explicit RecordingModule(Calls& calls) : calls_(calls) {
    w_ = register_parameter("w", torch::ones({1}));
  }

#define PLAIN(hook)      \
  void hook() override { \
    say(#hook);          \
  }
  PLAIN(prepare_data)
  PLAIN(configure_model)
  PLAIN(on_fit_start)
  PLAIN(on_fit_end)
  PLAIN(on_train_start)
  PLAIN(on_train_end)
  PLAIN(on_train_epoch_start)
  PLAIN(on_train_epoch_end)
  PLAIN(on_validation_start)
  PLAIN(on_validation_end)
  PLAIN(on_validation_epoch_start)
  PLAIN(on_validation_epoch_end)
  PLAIN(on_test_start)
  PLAIN(on_test_end)
  PLAIN(on_test_epoch_start)
  PLAIN(on_test_epoch_end)
  PLAIN(on_predict_start)
  PLAIN(on_predict_end)
  PLAIN(on_predict_epoch_start)
  PLAIN(on_predict_epoch_end)
  PLAIN(on_after_backward)
  PLAIN(on_validation_model_zero_grad)
  PLAIN(on_validation_model_eval)
  PLAIN(on_test_model_eval)
  PLAIN(on_predict_model_eval)
#undef PLAIN
  std::vector<std::shared_ptr<Callback>> configure_callbacks() override {
    calls_.push_back("configure_callbacks");
    return {};
  }
  void setup(const std::string& stage) override {
    say("setup:" + stage);
  }
  void teardown(const std::string& stage) override {
    say("teardown:" + stage);
  }
  Optimizers configure_optimizers() override {
    say("configure_optimizers");
    if (optimizers_wanted == 0) return {};
    const auto sgd = std::make_shared<torch::optim::SGD>(parameters(), 0.1);
    if (optimizers_wanted == 2) {
      return {{.optimizer = sgd},
              {.optimizer = std::make_shared<torch::optim::SGD>(parameters(), 0.1)}};
    }
    return OptimizerConfig{
        .optimizer = sgd,
        .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(sgd, 1)}};
  }
  int on_train_batch_start(const Batch&, int64_t batch_idx) override {
    say("on_train_batch_start");
    return batch_idx == skip_at ? -1 : 0;
  }
  void on_train_batch_end(const StepOutput&, const Batch&, int64_t batch_idx) override {
    say("on_train_batch_end");
    if (batch_idx == stop_at) trainer().should_stop = true;
  }
  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    say("training_step");
    if (batch_idx == fail_at) throw std::runtime_error("a_step_failed");
    const torch::Tensor loss = (w_ * batch[0]).sum();
    if (automatic_optimization) return loss;
    for (LightningOptimizer& optimizer : optimizers()) {
      optimizer.zero_grad();
      manual_backward((w_ * batch[0]).sum());
      optimizer.step();
    }
    return loss;
  }
  StepOutput validation_step(const Batch&, int64_t, int64_t) override {
    say("validation_step");
    return {};
  }
  StepOutput test_step(const Batch&, int64_t, int64_t) override {
    say("test_step");
    return {};
  }
  Batch predict_step(const Batch& batch, int64_t, int64_t) override {
    say("predict_step");
    return batch;
  }
#define BATCH(hook)                                    \
  void hook(const Batch&, int64_t, int64_t) override { \
    say(#hook);                                        \
  }
  BATCH(on_validation_batch_start)
  BATCH(on_test_batch_start)
  BATCH(on_predict_batch_start)
#undef BATCH
#define BATCH_END(hook, Outputs)                                       \
  void hook(const Outputs&, const Batch&, int64_t, int64_t) override { \
    say(#hook);                                                        \
  }
  BATCH_END(on_validation_batch_end, StepOutput)
  BATCH_END(on_test_batch_end, StepOutput)
  BATCH_END(on_predict_batch_end, Batch)
#undef BATCH_END
  void on_before_zero_grad(torch::optim::Optimizer&) override {
    say("on_before_zero_grad");
  }
  void on_before_backward(const torch::Tensor&) override {
    say("on_before_backward");
  }
  void on_before_optimizer_step(torch::optim::Optimizer&) override {
    say("on_before_optimizer_step");
  }
  void backward(const torch::Tensor& loss) override {
    say("backward");
    LightningModule::backward(loss);
  }
  void optimizer_step(int64_t epoch, int64_t batch_idx, LightningOptimizer& optimizer,
                      const Closure& closure) override {
    say("optimizer_step{");
    LightningModule::optimizer_step(epoch, batch_idx, optimizer, closure);
    calls_.push_back("}");
  }
  void optimizer_zero_grad(int64_t epoch, int64_t batch_idx,
                           torch::optim::Optimizer& optimizer) override {
    say("optimizer_zero_grad");
    LightningModule::optimizer_zero_grad(epoch, batch_idx, optimizer);
  }
  void configure_gradient_clipping(torch::optim::Optimizer&, std::optional<double>,
                                   GradientClip) override {
    say("configure_gradient_clipping");
  }
  void lr_scheduler_step(LRScheduler& scheduler, std::optional<double> metric) override {
    say("lr_scheduler_step");
    LightningModule::lr_scheduler_step(scheduler, metric);
  }

  void on_save_checkpoint(course::Dict&) override {
    say("on_save_checkpoint");
  }
  void on_load_checkpoint(course::Dict&) override {
    say("on_load_checkpoint");
  }

  int optimizers_wanted = 1;
  int64_t skip_at = -1, stop_at = -1, fail_at = -1;

 private:
  void say(const std::string& hook) {
    calls_.push_back("lm." + hook);
  }
  Calls& calls_;
  torch::Tensor w_;
};

class RecordingData : public LightningDataModule {
 public:
  RecordingData(Calls& calls, int64_t train_batches) : calls_(calls), batches_(train_batches) {}
  void prepare_data() override { say("prepare_data"); }
  void setup(const std::string& stage) override { say("setup:" + stage); }
  void teardown(const std::string& stage) override { say("teardown:" + stage); }
  course::Dict state_dict() const override {
    calls_.push_back("dm.state_dict");
    return {{"of", "data"}};
  }
  void load_state_dict(const course::Dict&) override { say("load_state_dict"); }
  Loaders train_dataloader() override { return given("train_dataloader", batches_); }
  Loaders val_dataloader() override { return given("val_dataloader", 1); }
  Loaders test_dataloader() override { return given("test_dataloader", 1); }
  Loaders predict_dataloader() override { return given("predict_dataloader", 1); }
  Batch on_before_batch_transfer(Batch batch, int64_t) override {
    say("before");
    return batch;
  }
  Batch transfer_batch_to_device(Batch batch, torch::Device, int64_t) override {
    say("transfer");
    return batch;
  }
  Batch on_after_batch_transfer(Batch batch, int64_t) override {
    say("after");
    return batch;
  }
  void on_exception(const std::exception& exception) override {
    say(std::string("on_exception:") + exception.what());
  }

 private:
  Loaders given(const std::string& hook, int64_t batches) {
    say(hook);
    return numbers(batches);
  }
  void say(const std::string& hook) { calls_.push_back("dm." + hook); }
  Calls& calls_;
  int64_t batches_;
};

class RecordingCallback : public Callback {
 public:
  explicit RecordingCallback(Calls& calls) : calls_(calls) {}
  void setup(Trainer&, LightningModule&, const std::string& stage) override {
    say("setup:" + stage);
  }
  void teardown(Trainer&, LightningModule&, const std::string& stage) override {
    say("teardown:" + stage);
  }
#define PLAIN(hook)                                \
  void hook(Trainer&, LightningModule&) override { \
    say(#hook);                                    \
  }
  PLAIN(on_fit_start)
  PLAIN(on_fit_end)
  PLAIN(on_sanity_check_start)
  PLAIN(on_sanity_check_end)
  PLAIN(on_train_start)
  PLAIN(on_train_end)
  PLAIN(on_train_epoch_start)
  PLAIN(on_train_epoch_end)
  PLAIN(on_validation_start)
  PLAIN(on_validation_end)
  PLAIN(on_validation_epoch_start)
  PLAIN(on_validation_epoch_end)
  PLAIN(on_test_start)
  PLAIN(on_test_end)
  PLAIN(on_test_epoch_start)
  PLAIN(on_test_epoch_end)
  PLAIN(on_predict_start)
  PLAIN(on_predict_end)
  PLAIN(on_predict_epoch_start)
  PLAIN(on_predict_epoch_end)
  PLAIN(on_after_backward)
#undef PLAIN
  void on_train_batch_start(Trainer&, LightningModule&, const Batch&, int64_t) override {
    say("on_train_batch_start");
  }
  void on_train_batch_end(Trainer&, LightningModule&, const StepOutput&, const Batch&,
                          int64_t) override {
    say("on_train_batch_end");
  }
#define BATCH(hook)                                                                \
  void hook(Trainer&, LightningModule&, const Batch&, int64_t, int64_t) override { \
    say(#hook);                                                                    \
  }
  BATCH(on_validation_batch_start)
  BATCH(on_test_batch_start)
  BATCH(on_predict_batch_start)
#undef BATCH
#define BATCH_END(hook, Outputs)                                                                   \
  void hook(Trainer&, LightningModule&, const Outputs&, const Batch&, int64_t, int64_t) override { \
    say(#hook);                                                                                    \
  }
  BATCH_END(on_validation_batch_end, StepOutput)
  BATCH_END(on_test_batch_end, StepOutput)
  BATCH_END(on_predict_batch_end, Batch)
#undef BATCH_END
  void on_before_zero_grad(Trainer&, LightningModule&, torch::optim::Optimizer&) override {
    say("on_before_zero_grad");
  }
  void on_before_backward(Trainer&, LightningModule&, const torch::Tensor&) override {
    say("on_before_backward");
  }
  void on_before_optimizer_step(Trainer&, LightningModule&, torch::optim::Optimizer&) override {
    say("on_before_optimizer_step");
  }
  void on_exception(Trainer& trainer, LightningModule&, const std::exception& exception) override {
    say(std::string("on_exception:") + exception.what());
    was_interrupted = trainer.interrupted();
  }

  course::Dict state_dict() const override {
    calls_.push_back("cb.state_dict");
    return {{"of", "callback"}};
  }
  void load_state_dict(const course::Dict&) override {
    say("load_state_dict");
  }
  void on_save_checkpoint(Trainer&, LightningModule&, course::Dict&) override {
    say("on_save_checkpoint");
  }
  void on_load_checkpoint(Trainer&, LightningModule&, const course::Dict&) override {
    say("on_load_checkpoint");
  }

  bool was_interrupted = false;

 private:
  void say(const std::string& hook) {
    calls_.push_back("cb." + hook);
  }
  Calls& calls_;
};

// Monitors run on_train_epoch_end after the module's.
class RecordingMonitor : public Callback {
 public:
  explicit RecordingMonitor(Calls& calls) : calls_(calls) {}
  bool is_monitor() const override { return true; }
  void on_train_epoch_end(Trainer&, LightningModule&) override {
    calls_.push_back("monitor.on_train_epoch_end");
  }

 private:
  Calls& calls_;
};

const char* const kBegin =
    "configure_callbacks dm.prepare_data lm.prepare_data dm.setup:fit cb.setup:fit lm.setup:fit "
    "lm.configure_model lm.configure_optimizers cb.on_fit_start lm.on_fit_start ";
const char* const kValidation =
    "lm.on_validation_model_eval cb.on_validation_start lm.on_validation_start "
    "cb.on_validation_epoch_start lm.on_validation_epoch_start dm.before dm.transfer dm.after "
    "cb.on_validation_batch_start lm.on_validation_batch_start lm.validation_step "
    "cb.on_validation_batch_end lm.on_validation_batch_end cb.on_validation_epoch_end "
    "lm.on_validation_epoch_end cb.on_validation_end lm.on_validation_end ";
const std::string kSanity = "cb.on_sanity_check_start dm.val_dataloader " +
                            std::string(kValidation) + "cb.on_sanity_check_end ";
const char* const kEpochStart = "cb.on_train_epoch_start lm.on_train_epoch_start ";
const char* const kTrainStart =
    "dm.train_dataloader cb.on_train_start lm.on_train_start cb.on_train_epoch_start "
    "lm.on_train_epoch_start ";
const char* const kBatchStart =
    "dm.before dm.transfer dm.after cb.on_train_batch_start lm.on_train_batch_start ";
const char* const kStep =
    "lm.optimizer_step{ lm.training_step cb.on_before_zero_grad lm.on_before_zero_grad "
    "lm.optimizer_zero_grad cb.on_before_backward lm.on_before_backward lm.backward "
    "cb.on_after_backward lm.on_after_backward cb.on_before_optimizer_step "
    "lm.on_before_optimizer_step lm.configure_gradient_clipping } ";
const char* const kBatchEnd = "cb.on_train_batch_end lm.on_train_batch_end ";
const std::string kBatch = std::string(kBatchStart) + kStep + kBatchEnd;
const std::string kLastBatch =
    std::string(kBatchStart) + kStep + "lm.lr_scheduler_step " + kBatchEnd;
const std::string kInFitValidation = "lm.on_validation_model_zero_grad " + std::string(kValidation);
const char* const kEpochEnd =
    "cb.on_train_epoch_end lm.on_train_epoch_end monitor.on_train_epoch_end ";
const char* const kEnd =
    "cb.on_train_end lm.on_train_end cb.on_fit_end lm.on_fit_end dm.teardown:fit cb.teardown:fit "
    "lm.teardown:fit ";

class HookOrder : public ::testing::Test {
 protected:
  void make(TrainerOptions options, int64_t train_batches = 2) {
    callback_ = std::make_shared<RecordingCallback>(calls_);
    options.callbacks = {std::make_shared<RecordingMonitor>(calls_), callback_};
    if (!options.max_epochs) options.max_epochs = 1;
    trainer_ = std::make_unique<Trainer>(quiet(std::move(options)));
    module_ = std::make_shared<RecordingModule>(calls_);
    data_ = std::make_shared<RecordingData>(calls_, train_batches);
  }
  void expect(const std::string& words) { EXPECT_EQ(calls_, calls_of(words)); }

  Messages messages_;
  Calls calls_;
  std::shared_ptr<RecordingCallback> callback_;
  std::unique_ptr<Trainer> trainer_;
  std::shared_ptr<RecordingModule> module_;
  std::shared_ptr<RecordingData> data_;
};

TEST_F(HookOrder, FitWithSanityCheckAndValidation) {
  make({.num_sanity_val_steps = 1});
  trainer_->fit(module_, data_);
  expect(kBegin + kSanity + kTrainStart + kBatch + kLastBatch + kInFitValidation + kEpochEnd +
         kEnd);
  EXPECT_EQ(trainer_->state().status, TrainerState::Status::finished);
  EXPECT_FALSE(trainer_->training());
}

TEST_F(HookOrder, FitWithoutSanityCheckAsksForValidationDataBeforeItStarts) {
  make({.num_sanity_val_steps = 0});
  trainer_->fit(module_, data_);
  expect(std::string(kBegin) +
         "dm.train_dataloader dm.val_dataloader cb.on_train_start lm.on_train_start "
         "cb.on_train_epoch_start lm.on_train_epoch_start " +
         kBatch + kLastBatch + kInFitValidation + kEpochEnd + kEnd);
}

// Checkpoints: written behind all of an epoch's end, read before the optimizers are made.
const char* const kSave =
    "cb.state_dict dm.state_dict cb.on_save_checkpoint lm.on_save_checkpoint ";
const char* const kLoad =
    "lm.on_load_checkpoint dm.load_state_dict cb.on_load_checkpoint cb.load_state_dict ";
const std::string kResume =
    "configure_callbacks dm.prepare_data lm.prepare_data dm.setup:fit cb.setup:fit lm.setup:fit "
    "lm.configure_model " +
    std::string(kLoad) +
    "lm.configure_optimizers cb.on_fit_start lm.on_fit_start dm.train_dataloader "
    "dm.val_dataloader cb.on_train_start lm.on_train_start ";

class HookOrderOfCheckpoints : public HookOrder {
 protected:
  // A run of so many epochs that writes checkpoints, from one of them if there is a path.
  void run(int64_t epochs, ModelCheckpointOptions options, const std::string& ckpt_path = "") {
    make({.max_epochs = epochs, .num_sanity_val_steps = 1});
    options.dirpath = folder_;
    options.save_top_k = -1;
    trainer_ = std::make_unique<Trainer>(
        quiet({.callbacks = {std::make_shared<RecordingMonitor>(calls_), callback_,
                             callback<ModelCheckpoint>(options)},
               .max_epochs = epochs,
               .num_sanity_val_steps = 1}));
    calls_.clear();
    trainer_->fit(module_, data_, {.ckpt_path = ckpt_path});
  }
  const course::testing::TemporaryFolder temporary_;
  const std::filesystem::path folder_ = temporary_.path() / "run";
};

TEST_F(HookOrderOfCheckpoints, WrittenAtAnEpochsEnd) {
  run(1, {});
  expect(kBegin + kSanity + kTrainStart + kBatch + kLastBatch + kInFitValidation + kEpochEnd +
         kSave + kEnd);
}

TEST_F(HookOrderOfCheckpoints, ResumedFromAnEpochsEnd) {
  run(1, {});
  run(2, {}, folder_ / "epoch=0-step=2.ckpt");
  expect(kResume + kEpochStart + kBatch + kLastBatch + kInFitValidation + kEpochEnd + kSave + kEnd);
}

// In the middle of an epoch: no start of it, no sanity check, and the next batch.
TEST_F(HookOrderOfCheckpoints, ResumedInTheMiddleOfAnEpoch) {
  run(1, {.every_n_train_steps = 1});
  run(1, {.every_n_train_steps = 5}, folder_ / "epoch=0-step=1.ckpt");
  expect(kResume + kLastBatch + kInFitValidation + kEpochEnd + kEnd);
}

// Behind the last batch: what is left of the epoch.
TEST_F(HookOrderOfCheckpoints, ResumedBehindTheLastBatch) {
  run(1, {.every_n_train_steps = 2});
  run(1, {.every_n_train_steps = 5}, folder_ / "epoch=0-step=2.ckpt");
  expect(kResume + kInFitValidation + kEpochEnd + kEnd);
}

TEST_F(HookOrderOfCheckpoints, AnEvaluationTakesTheWeights) {
  run(1, {});
  calls_.clear();
  trainer_->validate(module_, data_,
                     {.verbose = false, .ckpt_path = folder_ / "epoch=0-step=2.ckpt"});
  expect(
      "configure_callbacks dm.prepare_data lm.prepare_data dm.setup:validate cb.setup:validate "
      "lm.setup:validate lm.configure_model " +
      std::string(kLoad) + "dm.val_dataloader " + std::string(kValidation) +
      "dm.teardown:validate cb.teardown:validate lm.teardown:validate");
}

TEST_F(HookOrder, Validate) {
  make({});
  trainer_->validate(module_, data_, {.verbose = false});
  expect(
      "configure_callbacks dm.prepare_data lm.prepare_data dm.setup:validate cb.setup:validate "
      "lm.setup:validate lm.configure_model dm.val_dataloader " +
      std::string(kValidation) + "dm.teardown:validate cb.teardown:validate lm.teardown:validate");
}

TEST_F(HookOrder, Test) {
  make({});
  trainer_->test(module_, data_, {.verbose = false});
  expect(
      "configure_callbacks dm.prepare_data lm.prepare_data dm.setup:test cb.setup:test "
      "lm.setup:test lm.configure_model dm.test_dataloader lm.on_test_model_eval cb.on_test_start "
      "lm.on_test_start cb.on_test_epoch_start lm.on_test_epoch_start dm.before dm.transfer "
      "dm.after cb.on_test_batch_start lm.on_test_batch_start lm.test_step cb.on_test_batch_end "
      "lm.on_test_batch_end cb.on_test_epoch_end lm.on_test_epoch_end cb.on_test_end "
      "lm.on_test_end dm.teardown:test cb.teardown:test lm.teardown:test");
}

TEST_F(HookOrder, Predict) {
  make({});
  trainer_->predict(module_, data_);
  expect(
      "configure_callbacks dm.prepare_data lm.prepare_data dm.setup:predict cb.setup:predict "
      "lm.setup:predict lm.configure_model dm.predict_dataloader lm.on_predict_model_eval "
      "cb.on_predict_start lm.on_predict_start cb.on_predict_epoch_start "
      "lm.on_predict_epoch_start dm.before dm.transfer dm.after cb.on_predict_batch_start "
      "lm.on_predict_batch_start lm.predict_step cb.on_predict_batch_end lm.on_predict_batch_end "
      "cb.on_predict_epoch_end lm.on_predict_epoch_end cb.on_predict_end lm.on_predict_end "
      "dm.teardown:predict cb.teardown:predict lm.teardown:predict");
}

TEST_F(HookOrder, AnException) {
  make({.num_sanity_val_steps = 0});
  module_->fail_at = 1;
  EXPECT_THROW(trainer_->fit(module_, data_), std::runtime_error);
  expect(std::string(kBegin) +
         "dm.train_dataloader dm.val_dataloader cb.on_train_start lm.on_train_start "
         "cb.on_train_epoch_start lm.on_train_epoch_start " +
         kBatch + kBatchStart +
         "lm.optimizer_step{ lm.training_step cb.on_exception:a_step_failed "
         "dm.on_exception:a_step_failed");
}

TEST_F(HookOrder, ShouldStopInTheMiddleValidatesOnceMore) {
  make({.max_epochs = 3, .num_sanity_val_steps = 1}, 5);
  module_->stop_at = 3;
  trainer_->fit(module_, data_);
  expect(kBegin + kSanity + kTrainStart + kBatch + kBatch + kBatch + kBatch + kInFitValidation +
         kEpochEnd + kEnd);
  EXPECT_EQ(trainer_->global_step(), 4);
  EXPECT_EQ(trainer_->current_epoch(), 1);
}

TEST_F(HookOrder, MinusOneSkipsTheRestOfTheEpochAndItsValidation) {
  make({.max_epochs = 2, .num_sanity_val_steps = 1}, 3);
  module_->skip_at = 1;
  trainer_->fit(module_, data_);
  const std::string epoch = kBatch + kBatchStart + "lm.lr_scheduler_step " + kEpochEnd;
  expect(kBegin + kSanity + kTrainStart + epoch + kEpochStart + epoch + kEnd);
  EXPECT_EQ(trainer_->global_step(), 2);
}

TEST_F(HookOrder, ManualOptimizationWithTwoOptimizers) {
  make({.num_sanity_val_steps = 1}, 1);
  module_->automatic_optimization = false;
  module_->optimizers_wanted = 2;
  trainer_->fit(module_, data_);
  const std::string one =
      "cb.on_before_backward lm.on_before_backward lm.backward cb.on_after_backward "
      "lm.on_after_backward cb.on_before_optimizer_step lm.on_before_optimizer_step ";
  expect(kBegin + kSanity + kTrainStart + kBatchStart + "lm.training_step " + one + one +
         kBatchEnd + kInFitValidation + kEpochEnd + kEnd);
  EXPECT_EQ(trainer_->global_step(), 2);
}

TEST_F(HookOrder, AccumulationStepsOncePerWindow) {
  make({.limit_val_batches = 0, .accumulate_grad_batches = 3}, 5);
  trainer_->fit(module_, data_);
  const std::string zero = "cb.on_before_zero_grad lm.on_before_zero_grad lm.optimizer_zero_grad ";
  const std::string backward =
      "cb.on_before_backward lm.on_before_backward lm.backward cb.on_after_backward "
      "lm.on_after_backward ";
  const std::string step =
      "cb.on_before_optimizer_step lm.on_before_optimizer_step lm.configure_gradient_clipping } ";
  const auto batch = [&](const std::string& inside) { return kBatchStart + inside + kBatchEnd; };
  expect(std::string(kBegin) + kTrainStart + batch("lm.training_step " + zero + backward) +
         batch("lm.training_step " + backward) +
         batch("lm.optimizer_step{ lm.training_step " + backward + step) +
         batch("lm.training_step " + zero + backward) +
         batch("lm.optimizer_step{ lm.training_step " + backward + step + "lm.lr_scheduler_step ") +
         kEpochEnd + kEnd);
  EXPECT_EQ(trainer_->global_step(), 2);
}

TEST_F(HookOrder, AnEarlyStop) {
  make({.max_epochs = 3, .limit_val_batches = 0}, 1);
  struct Stop : Callback {
    void on_train_epoch_end(Trainer& trainer, LightningModule&) override {
      trainer.should_stop = true;
    }
  };
  auto options = trainer_->options();
  options.callbacks.push_back(std::make_shared<Stop>());
  trainer_ = std::make_unique<Trainer>(options);
  trainer_->fit(module_, data_);
  expect(std::string(kBegin) + kTrainStart + kLastBatch + kEpochEnd + kEnd);
}

TEST_F(HookOrder, TraceSaysTheSame) {
  make({.num_sanity_val_steps = 1, .trace_hooks = true});
  trainer_->fit(module_, data_);
  // What the recorders saw, by the trace's names.
  Calls expected;
  for (std::string call : calls_) {
    call = call.substr(0, call.find_first_of(":{"));
    if (call == "}" || call.rfind("monitor", 0) == 0) continue;
    if (call == "configure_callbacks") call = "lm." + call;
    if (call == "dm.before") call = "dm.on_before_batch_transfer";
    if (call == "dm.transfer") call = "dm.transfer_batch_to_device";
    if (call == "dm.after") call = "dm.on_after_batch_transfer";
    expected.push_back(call);
  }
  Calls traced;
  for (const std::string& text : messages_.infos) {
    if (text.rfind("Trainer.fit stopped", 0) == 0) continue;
    // Callbacks are told of as a group; these two the recorders do not override.
    if (text == "lm.on_validation_model_train") continue;
    traced.push_back(text);
  }
  // The monitors' turn is a line of its own.
  const auto end = std::find(traced.rbegin(), traced.rend(), "cb.on_train_epoch_end");
  ASSERT_NE(end, traced.rend());
  traced.erase(std::next(end).base());
  EXPECT_EQ(traced, expected);
}

}  // namespace
}  // namespace lit
