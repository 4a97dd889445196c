// Checkpoints that version 0.1 wrote in the middle of an epoch: every later version goes on from
// them.
#include <cstdlib>
#include <filesystem>

#include "../common/temporary_folder.h"
#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/finetuning.h"
#include "lit/callbacks/html_report.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/learning_rate_monitor.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/nan_guard.h"
#include "lit/callbacks/timer.h"
#include "lit/callbacks/weight_averaging.h"
#include "lit/metrics/classification.h"
#include "lit/metrics/collection.h"
#include "lit/optim/schedulers.h"
#include "serialize/torch_file.h"
#include "testing.h"

namespace lit {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::MemoryLogger;
using testing::Messages;
using testing::quiet;

// tests/lit/golden/README.md says how the files were made. What follows, up to the tests, is a part
// of them: a run that goes on must be the one that wrote the file.

torch::Tensor golden_points() {
  return torch::sin(torch::arange(54 * 2, torch::kFloat32) * 1.3).reshape({54, 2});
}

torch::Tensor golden_labels(const torch::Tensor& x) {
  return (x.sum(1) > 0).to(torch::kInt64) + (x.select(1, 0) > 0.5).to(torch::kInt64);
}

course::InMemoryLoader golden_loader(bool shuffle) {
  const torch::Tensor x = golden_points();
  return {x, golden_labels(x), {.batch_size = 8, .shuffle = shuffle, .seed = 5}};  // 7 batches
}

// Everything that has a state, optimized by the Trainer.
class GoldenAutomatic : public LightningModule {
 public:
  GoldenAutomatic() {
    using namespace torch::nn;
    net_ = register_module(
        "net", Sequential{Linear(2, 6), BatchNorm1d(6), ReLU(), Dropout(0.3), Linear(6, 3)});
    accuracy_ =
        register_module("accuracy", metric<Accuracy>({.task = "multiclass", .num_classes = 3}));
  }
  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    batches.push_back(batch_idx);
    const auto scores = net_->forward(batch[0] + 0.1 * torch::randn_like(batch[0]));
    (*accuracy_)(scores, batch[1]);
    const auto loss = torch::nn::functional::cross_entropy(scores, batch[1]);
    log("train_loss", loss, {.prog_bar = true, .on_step = true, .on_epoch = true});
    log("train_accuracy", accuracy_, {.on_step = false, .on_epoch = true});
    return loss;
  }
  StepOutput validation_step(const Batch& batch, int64_t, int64_t) override {
    log("val_loss", torch::nn::functional::cross_entropy(net_->forward(batch[0]), batch[1]));
    return {};
  }
  Optimizers configure_optimizers() override {
    auto adam = std::make_shared<torch::optim::AdamW>(parameters(), 0.05);
    return OptimizerConfig{
        .optimizer = adam,
        .lr_scheduler = LRSchedulerConfig{
            .scheduler = std::make_shared<CosineAnnealingLR>(adam, 30), .interval = "step"}};
  }
  std::vector<int64_t> batches;

 private:
  torch::nn::Sequential net_{nullptr};
  std::shared_ptr<Accuracy> accuracy_;
};

// A backbone that is let go after an epoch, a plateau scheduler, a loader of torch::data.
class GoldenFinetuned : public LightningModule {
 public:
  GoldenFinetuned() {
    backbone_ = register_module("backbone", torch::nn::Linear(2, 5));
    head_ = register_module("head", torch::nn::Linear(5, 3));
  }
  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    batches.push_back(batch_idx);
    const auto loss = this->loss(batch);
    log("train_loss", loss, {.on_step = false, .on_epoch = true});
    return loss;
  }
  StepOutput validation_step(const Batch& batch, int64_t, int64_t) override {
    log("val_loss", loss(batch));
    return {};
  }
  Optimizers configure_optimizers() override {
    auto sgd = std::make_shared<torch::optim::SGD>(
        BaseFinetuning::trainable(parameters()),
        torch::optim::SGDOptions(0.1).momentum(0.9).weight_decay(0.01));
    return OptimizerConfig{.optimizer = sgd,
                           .lr_scheduler = LRSchedulerConfig{
                               .scheduler = std::make_shared<ReduceLROnPlateau>(
                                   sgd, ReduceLROnPlateauOptions{.factor = 0.5, .patience = 0}),
                               .monitor = "train_loss"}};
  }
  std::vector<int64_t> batches;

 private:
  torch::Tensor loss(const Batch& batch) {
    return torch::nn::functional::cross_entropy(head_(torch::tanh(backbone_(batch[0]))), batch[1]);
  }
  torch::nn::Linear backbone_{nullptr}, head_{nullptr};
};

Loaders golden_torch_loader() {
  const torch::Tensor x = golden_points(), y = golden_labels(x);
  class Points : public torch::data::Dataset<Points> {
   public:
    Points(torch::Tensor data, torch::Tensor target)
        : data_(std::move(data)), target_(std::move(target)) {}
    torch::data::Example<> get(size_t i) override {
      const auto at = static_cast<int64_t>(i);
      return {data_[at], target_[at]};
    }
    torch::optional<size_t> size() const override { return 54; }

   private:
    torch::Tensor data_, target_;
  };
  return loader(torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
                    Points(x, y).map(torch::data::transforms::Stack<>()), 8),
                7);
}

// Two optimizers, stepped by hand.
class GoldenManual : public LightningModule {
 public:
  GoldenManual() {
    automatic_optimization = false;
    one_ = register_module("one", torch::nn::Linear(2, 4));
    two_ = register_module("two", torch::nn::Linear(4, 3));
  }
  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    batches.push_back(batch_idx);
    const auto loss =
        torch::nn::functional::cross_entropy(two_(torch::relu(one_(batch[0]))), batch[1]);
    log("train_loss", loss, {.on_step = true, .on_epoch = true});
    for (LightningOptimizer& optimizer : optimizers()) optimizer.zero_grad();
    manual_backward(loss);
    for (LightningOptimizer& optimizer : optimizers()) optimizer.step();
    for (const auto& scheduler : lr_schedulers()) scheduler->step();
    return {};
  }
  Optimizers configure_optimizers() override {
    auto adam = std::make_shared<torch::optim::Adam>(one_->parameters(),
                                                     torch::optim::AdamOptions(0.02).amsgrad(true));
    auto rmsprop = std::make_shared<torch::optim::RMSprop>(
        two_->parameters(), torch::optim::RMSpropOptions(0.01).momentum(0.5).centered(true));
    return {
        {.optimizer = adam,
         .lr_scheduler =
             LRSchedulerConfig{.scheduler = std::make_shared<OneCycleLR>(
                                   adam, OneCycleLROptions{.max_lr = 0.05, .total_steps = 40})}},
        {.optimizer = rmsprop,
         .lr_scheduler =
             LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(rmsprop, 5, 0.8)}}};
  }
  std::vector<int64_t> batches;

 private:
  torch::nn::Linear one_{nullptr}, two_{nullptr};
};

// Where the file is written: epoch and batch; none: the run goes on.
struct Cut {
  int64_t epoch, batch;
};

struct Outcome {
  std::shared_ptr<MemoryLogger> logger = std::make_shared<MemoryLogger>();
  std::vector<int64_t> batches;
  std::vector<std::string> warnings;
  course::Dict end;
};

template <typename Module>
Outcome golden_run(const std::string& name, const fs::path& folder, const std::string& from,
                   std::optional<Cut> cut, std::vector<std::shared_ptr<Callback>> callbacks,
                   const Loaders& train, const std::string& monitor, TrainerOptions options) {
  Messages messages;
  torch::manual_seed(from.empty() ? 7 : 4711);
  at::set_num_threads(1);
  Outcome outcome;
  const auto module = std::make_shared<Module>();
  callbacks.push_back(callback<LambdaCallback>(
      {.on_train_batch_end = [&](Trainer& t, auto&, const StepOutput&, const Batch&, int64_t i) {
        if (cut && t.current_epoch() == cut->epoch && i == cut->batch) {
          t.save_checkpoint(folder / (name + ".ckpt"));
        }
      }}));
  callbacks.push_back(callback<ModelCheckpoint>({.dirpath = folder / "checkpoints",
                                                 .filename = "{epoch}-{step}",
                                                 .monitor = monitor,
                                                 .save_top_k = 2}));
  options.logger = {outcome.logger};
  options.callbacks = std::move(callbacks);
  options.num_sanity_val_steps = 1;
  options.log_every_n_steps = 1;
  Trainer trainer(quiet(options));
  trainer.fit(module, train, golden_loader(false), {.ckpt_path = from});
  trainer.save_checkpoint(folder / (name + "_end.ckpt"));
  outcome.end = course::read_torch_file(folder / (name + "_end.ckpt")).as_dict();
  outcome.batches = module->batches;
  outcome.warnings = messages.warnings;
  return outcome;
}

Outcome golden_automatic(const fs::path& folder, const std::string& from, std::optional<Cut> cut) {
  return golden_run<GoldenAutomatic>(
      "automatic", folder, from, cut,
      {callback<EMAWeightAveraging>({.decay = 0.9, .update_every_n_steps = 2}),
       callback<EarlyStopping>({.monitor = "val_loss", .patience = 4}),
       callback<LearningRateMonitor>({.logging_interval = "step"}), callback<NaNGuard>(),
       callback<Timer>({.duration = Duration("00:01:00:00")}),
       callback<HtmlReport>({.path = folder / "report.html"})},
      golden_loader(true), "val_loss",
      {.max_epochs = 5, .accumulate_grad_batches = 3, .gradient_clip_val = 1.0});
}

Outcome golden_finetuned(const fs::path& folder, const std::string& from, std::optional<Cut> cut) {
  return golden_run<GoldenFinetuned>(
      "finetuned", folder, from, cut,
      {callback<BackboneFinetuning>({.unfreeze_backbone_at_epoch = 1})}, golden_torch_loader(),
      "val_loss", {.max_epochs = 4, .val_check_interval = 0.5});
}

Outcome golden_manual(const fs::path& folder, const std::string& from, std::optional<Cut> cut) {
  return golden_run<GoldenManual>("manual", folder, from, cut, {}, golden_loader(true),
                                  "train_loss", {.max_epochs = 4, .limit_val_batches = 0});
}

// The bias in front of a batch norm has no gradient but that of rounding, of which Adam makes a
// step like any other: it, and the mean that follows it, are others on another processor or
// libtorch, and the network's outputs are not.
bool is_of_rounding(const std::string& at) {
  return at == "state_dict/net.0.bias" || at == "state_dict/net.1.running_mean";
}

// Numbers that were computed once more may differ in their last digits on another processor.
void expect_near(const course::Value& wanted, const course::Value& found, const std::string& at) {
  if (wanted.is<torch::Tensor>()) {
    ASSERT_TRUE(found.is<torch::Tensor>()) << at;
    const torch::Tensor a = wanted.as_tensor(), b = found.as_tensor();
    ASSERT_EQ(a.sizes(), b.sizes()) << at;
    if (is_of_rounding(at)) return;
    EXPECT_TRUE(torch::allclose(a.to(torch::kFloat64), b.to(torch::kFloat64), 1e-4, 1e-6))
        << at << ":\n"
        << a << "\n"
        << b;
  } else if (wanted.is<course::Dict>()) {
    for (const auto& [key, value] : wanted.as_dict()) {
      const std::string name =
          key.is<std::string>() ? key.as_string() : std::to_string(key.as_int());
      const course::Value* other = found.as_dict().find(key);
      ASSERT_NE(other, nullptr) << at << "/" << name;
      expect_near(value, *other, at + "/" + name);
    }
  } else if (wanted.is<course::List>()) {
    ASSERT_EQ(wanted.as_list().size(), found.as_list().size()) << at;
    for (size_t i = 0; i < wanted.as_list().size(); ++i) {
      expect_near(wanted.as_list()[i], found.as_list()[i], at + "/" + std::to_string(i));
    }
  } else if (wanted.is<double>()) {
    EXPECT_NEAR(wanted.as_double(), found.as_double(), 1e-4 * std::abs(wanted.as_double()) + 1e-7)
        << at;
  } else if (wanted.is<int64_t>()) {
    EXPECT_EQ(wanted.as_int(), found.as_int()) << at;
  } else if (wanted.is<bool>()) {
    EXPECT_EQ(wanted.as_bool(), found.as_bool()) << at;
  }
}

class Golden : public ::testing::Test {
 protected:
  // Goes on from NAME.ckpt; what it comes to is in NAME_end.ckpt.
  template <typename Run>
  Outcome resume(const std::string& name, Run&& run) {
    const fs::path kept = fs::path(LIT_GOLDEN_DIR);
    Outcome outcome = run(temporary_.path(), kept / (name + ".ckpt"), std::nullopt);
    const course::Dict wanted = course::read_torch_file(kept / (name + "_end.ckpt")).as_dict();
    for (const char* key :
         {"epoch", "global_step", "state_dict", "optimizer_states", "lr_schedulers"}) {
      expect_near(wanted.at(key), outcome.end.at(key), key);
    }
    return outcome;
  }
  static const course::Dict& state_of(const course::Dict& end, const std::string& callback) {
    for (const auto& [key, state] : end.at("callbacks").as_dict()) {
      if (key.as_string().starts_with(callback)) return state.as_dict();
    }
    throw Error("there is no state of " + callback);
  }

  const course::testing::TemporaryFolder temporary_;
};

TEST_F(Golden, DISABLED_Write) {
  const char* const folder = std::getenv("COURSE_GOLDEN_FOLDER");
  ASSERT_NE(folder, nullptr);
  golden_automatic(folder, "", Cut{2, 3});
  golden_finetuned(folder, "", Cut{2, 4});
  golden_manual(folder, "", Cut{1, 5});
}

TEST_F(Golden, OfAutomaticOptimizationGoesOn) {
  const Outcome outcome = resume("automatic", golden_automatic);
  EXPECT_THAT(outcome.batches, ElementsAre(4, 5, 6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6));
}

TEST_F(Golden, OfFinetuningGoesOn) {
  const Outcome outcome = resume("finetuned", golden_finetuned);
  EXPECT_THAT(outcome.batches, ElementsAre(5, 6, 0, 1, 2, 3, 4, 5, 6));
}

TEST_F(Golden, OfManualOptimizationGoesOn) {
  const Outcome outcome = resume("manual", golden_manual);
  EXPECT_THAT(outcome.batches, ElementsAre(6, 0, 1, 2, 3, 4, 5, 6, 0, 1, 2, 3, 4, 5, 6));
}

}  // namespace
}  // namespace lit
