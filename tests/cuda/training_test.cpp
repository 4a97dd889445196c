// Training on a GPU: the numbers of the CPU, the same bits after a resume, and no step that waits.
#include <cmath>

#include "config/program.h"
#include "device.h"
#include "lit/callbacks/gradient_norm_monitor.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/learning_rate_monitor.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/progress_bar.h"
#include "lit/loggers/tensorboard_logger.h"
#include "lit/metrics/classification.h"
#include "lit/optim/schedulers.h"
#include "serialize/torch_file.h"

namespace lit {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using testing::device;
using testing::error_of;
using ::testing::HasSubstr;
using testing::loader_of;
using testing::Net;
using testing::options_on;

class CudaTraining : public testing::OnDevice {
 protected:
  /// The mean losses of some epochs, of training and validation.
  std::vector<double> losses(torch::Device where, const TrainerOptions& more = {}) {
    const auto logger = std::make_shared<testing::MemoryLogger>();
    TrainerOptions options = more;
    options.logger = std::vector<std::shared_ptr<Logger>>{logger};
    options.max_epochs = 3;
    Trainer trainer(options_on(where, options));
    const auto module = std::make_shared<Net>();
    trainer.fit(module, loader_of({.batch_size = 32, .shuffle = true, .seed = 2}),
                loader_of({.batch_size = 64}));
    std::vector<double> all;
    for (const auto& [step, loss] : logger->of("train_loss_epoch")) all.push_back(loss);
    for (const auto& [step, loss] : logger->of("val_loss")) all.push_back(loss);
    return all;
  }
};

void expect_close(const std::vector<double>& found, const std::vector<double>& wanted,
                  double relative) {
  ASSERT_EQ(found.size(), wanted.size());
  ASSERT_EQ(found.size(), 6);
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i], wanted[i], relative * wanted[i]) << "value " << i;
  }
}

TEST_F(CudaTraining, LossesAreThoseOfTheCpu) {
  const std::vector<double> on_cpu = losses(torch::kCPU);
  ASSERT_EQ(on_cpu.size(), 6);
  EXPECT_LT(on_cpu[2], 0.9 * on_cpu[0]) << "something was learned";
  expect_close(losses(device()), on_cpu, 1e-4);
}

TEST_F(CudaTraining, ChannelsLastAndCudnnsBenchmarkChangeNothingButTheTime) {
  const std::vector<double> plain = losses(device());
  expect_close(losses(device(), {.channels_last = true}), plain, 1e-3);
  expect_close(losses(device(), {.benchmark = true}), plain, 1e-3);
}

// Three epochs, left in the middle of the second one and gone on with; or straight through.
torch::Tensor weights_after(const fs::path& folder, bool interrupted) {
  const auto fit = [&](std::optional<int64_t> stop_at, const std::string& from) {
    const auto module = std::make_shared<Net>(/*dropout=*/0.3);
    module->scheduler = [](const std::shared_ptr<torch::optim::Optimizer>& optimizer) {
      return std::make_shared<StepLR>(optimizer, 7, 0.7);
    };
    const auto stop = lit::callback<LambdaCallback>(
        {.on_train_batch_end = [&](Trainer& trainer, auto&, auto&, auto&, int64_t) {
          if (!stop_at || trainer.global_step() != *stop_at) return;
          trainer.save_checkpoint(folder / "middle.ckpt");
          throw std::runtime_error("left");
        }});
    torch::manual_seed(8);  // of dropout
    Trainer trainer(
        options_on(device(), {.callbacks = {stop}, .max_epochs = 3, .deterministic = true}));
    try {
      trainer.fit(module, loader_of({.batch_size = 32, .shuffle = true, .seed = 2}), {},
                  {.ckpt_path = from});
      EXPECT_FALSE(stop_at);
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "left");
    }
    return module->weights();
  };
  if (!interrupted) return fit(std::nullopt, "");
  fit(14, "");
  torch::manual_seed(99);  // another process, with other numbers
  return fit(std::nullopt, folder / "middle.ckpt");
}

TEST_F(CudaTraining, AResumeInTheMiddleOfAnEpochIsExactToTheBit) {
  const torch::Tensor straight = weights_after(folder_.path(), false);
  EXPECT_TRUE(torch::equal(straight, weights_after(folder_.path(), false))) << "the same run again";
  EXPECT_TRUE(torch::equal(straight, weights_after(folder_.path(), true)));
}

TEST_F(CudaTraining, CheckpointsCrossDevices) {
  const auto fit = [&](torch::Device where, int64_t epochs, const std::string& from) {
    const auto module = std::make_shared<Net>();
    Trainer trainer(options_on(where, {.max_epochs = epochs}));
    trainer.fit(module, loader_of({.batch_size = 32, .shuffle = true, .seed = 2}), {},
                {.ckpt_path = from});
    trainer.save_checkpoint(folder_.path() / "kept.ckpt");
    return module->weights();
  };
  const torch::Tensor straight = fit(device(), 4, "");
  for (const auto& [first, second] : {std::pair(device(), torch::Device(torch::kCPU)),
                                      std::pair(torch::Device(torch::kCPU), device())}) {
    const torch::Tensor kept = fit(first, 2, "");
    const course::Value file = course::read_torch_file(folder_.path() / "kept.ckpt");
    const course::Value& state = file.as_dict().at("state_dict");
    for (const auto& [name, value] : state.as_dict()) {
      EXPECT_TRUE(value.as_tensor().is_cpu()) << "it can be read without a GPU";
    }
    EXPECT_FALSE(torch::equal(kept, straight));
    const torch::Tensor gone_on = fit(second, 4, folder_.path() / "kept.ckpt");
    EXPECT_LT((gone_on - straight).norm().item<double>(), 1e-3 * straight.norm().item<double>());
  }
}

TEST_F(CudaTraining, ADeviceThatIsNotThereIsRefused) {
  const std::string said =
      error_of([] { Trainer trainer({.accelerator = "cuda", .devices = "63,", .logger = false}); });
  EXPECT_THAT(said, AnyOf(HasSubstr("accelerator cuda:63 cannot be had: this machine has "),
                          HasSubstr("accelerator cuda:63 cannot be had: this libtorch was built")));
}

TEST_F(CudaTraining, OutOfMemoryIsOneSentenceAndNothingIsLost) {
  const auto keep = lit::callback<ModelCheckpoint>({.dirpath = folder_.path() / "kept"});
  const auto module = std::make_shared<Net>();
  torch::Tensor before;
  module->on_step = [&](Net& net, const torch::Tensor& scores, const torch::Tensor&, int64_t) {
    if (net.global_step() != 13) return;
    before = net.weights();
    (void)torch::empty({int64_t{1} << 47}, scores.options().dtype(torch::kUInt8));
  };
  ::testing::internal::CaptureStderr();
  const int code = course::run_program([&] {
    Trainer trainer(options_on(device(), {.callbacks = {keep}, .max_epochs = 3}));
    trainer.fit(module, loader_of({.batch_size = 32}));
  });
  const std::string said = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(code, 1);
  EXPECT_THAT(said, ::testing::MatchesRegex(
                        "error: (cuda:0|the machine) has no memory left for [0-9.]+ [TG]iB more(: "
                        "[0-9.]+ [MG]iB of [0-9.]+ GiB are free)?; a smaller --batch-size needs "
                        "less\n"));
  EXPECT_TRUE(torch::equal(module->weights(), before)) << "no half of a step";
  EXPECT_EQ(course::read_torch_file(keep->best_model_path()).as_dict().at("global_step").as_int(),
            10)
      << "that of epoch 0";
  module->on_step = nullptr;
  Trainer trainer(options_on(device(), {.max_epochs = 1}));
  EXPECT_NO_THROW(trainer.fit(module, loader_of({.batch_size = 32}))) << "and the device goes on";
}

// --- No wait in thirty steps ------------------------------------------------------------------

struct Variant {
  std::string name;
  std::function<void(TrainerOptions&, Net&)> change;
};

void PrintTo(const Variant& variant, std::ostream* out) {
  *out << variant.name;
}

class CudaWaits : public testing::OnDevice, public ::testing::WithParamInterface<Variant> {};

// Forbids waits from behind the fifth batch to behind the thirty-fifth.
class Watch : public Callback {
 public:
  void on_train_batch_end(Trainer&, LightningModule&, const StepOutput&, const Batch&,
                          int64_t batch_idx) override {
    if (batch_idx == 4) forbidden_.emplace();
    if (batch_idx == 34) forbidden_.reset();
    if (forbidden_) ++steps;
  }
  void on_exception(Trainer&, LightningModule&, const std::exception&) override {
    forbidden_.reset();
  }
  int steps = 0;

 private:
  std::optional<testing::NoWaits> forbidden_;
};

TEST_P(CudaWaits, NoneInThirtySteps) {
  const auto watch = std::make_shared<Watch>();
  const auto module = std::make_shared<Net>();
  module->scheduler = [](const std::shared_ptr<torch::optim::Optimizer>& optimizer) {
    return std::make_shared<StepLR>(optimizer, 7, 0.9);
  };
  TrainerOptions options = options_on(device(), {.callbacks = {watch}, .max_epochs = 1});
  options.default_root_dir = folder_.path();
  GetParam().change(options, *module);
  Trainer trainer(options);
  trainer.fit(module, loader_of({.batch_size = 8, .shuffle = true, .device = device()}));
  EXPECT_EQ(watch->steps, 30);
}

INSTANTIATE_TEST_SUITE_P(
    Of, CudaWaits,
    ::testing::Values(
        Variant{"Plain", [](TrainerOptions&, Net&) {}},
        Variant{"ClippingByNorm", [](TrainerOptions& o, Net&) { o.gradient_clip_val = 0.5; }},
        Variant{"ClippingByValue",
                [](TrainerOptions& o, Net&) {
                  o.gradient_clip_val = 0.5;
                  o.gradient_clip_algorithm = GradientClip::value;
                }},
        Variant{"Monitors",
                [](TrainerOptions& o, Net&) {
                  o.logger = true;
                  o.callbacks.push_back(lit::callback<LearningRateMonitor>());
                  o.callbacks.push_back(lit::callback<GradientNormMonitor>());
                }},
        Variant{"Accumulation", [](TrainerOptions& o, Net&) { o.accumulate_grad_batches = 4; }},
        Variant{"Metrics",
                [](TrainerOptions&, Net& net) {
                  const auto accuracy = net.register_module(
                      "accuracy", metric<Accuracy>({.task = "multiclass", .num_classes = 4}));
                  net.on_step = [accuracy](Net& self, const torch::Tensor& scores,
                                           const torch::Tensor& labels, int64_t) {
                    accuracy->update(scores.detach(), labels);
                    self.log("accuracy", accuracy, {.on_step = false, .on_epoch = true});
                  };
                }},
        Variant{"Bar", [](TrainerOptions& o, Net&) { o.enable_progress_bar = true; }},
        Variant{"TensorBoard", [](TrainerOptions& o, Net&) { o.logger = true; }},
        Variant{"ChannelsLast", [](TrainerOptions& o, Net&) { o.channels_last = true; }}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lit
