// The device of these tests, and what they train on it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../common/temporary_folder.h"
#include "../lit/testing.h"
#include "data/in_memory_loader.h"
#include "lit/optim/optimizers.h"

#if defined(COURSE_TORCH_CUDA) && __has_include(<cuda_runtime_api.h>)
#include <c10/cuda/CUDAFunctions.h>
#define COURSE_SYNC_DEBUG_MODE  // as Python's torch.cuda.set_sync_debug_mode does
#endif

namespace lit::testing {

inline bool is_stand_in() {
  const char* const name = std::getenv("COURSE_STAND_IN");
  return name != nullptr && std::string(name) == "cpu";
}

inline torch::Device device() {
  return is_stand_in() ? torch::Device(torch::kCPU) : torch::Device(torch::kCUDA, 0);
}

/// Skips its tests where there is no GPU, unless the CPU stands in for one.
class OnDevice : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!is_stand_in() && !torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device here";
    at::globalContext().setAllowTF32CuDNN(false);
  }

  const course::testing::TemporaryFolder folder_;
  Messages messages_;
};

/// Options of a quiet Trainer on the device, or on another one.
inline TrainerOptions options_on(torch::Device where, TrainerOptions options = {}) {
  options = quiet(std::move(options));
  options.accelerator = where.is_cuda() ? "cuda" : "cpu";
  return options;
}

/// 320 pictures of 3 x 8 x 8 bytes, of classes that a small network can tell apart.
struct Pictures {
  torch::Tensor images, labels;
};
inline Pictures pictures() {
  torch::manual_seed(3);
  const torch::Tensor labels = torch::randint(4, {320});
  const torch::Tensor noise = torch::randint(120, {320, 3, 8, 8});
  const torch::Tensor shade = (30 * labels).reshape({-1, 1, 1, 1});
  return {(noise + shade).to(torch::kUInt8), labels};
}
inline course::InMemoryLoader loader_of(course::InMemoryLoaderOptions options) {
  const Pictures all = pictures();
  options.to_float = course::ToFloat{};
  return {all.images, all.labels, options};
}

/// A convolution and two layers; dropout if it is told to.
class Net : public LightningModule {
 public:
  explicit Net(double dropout = 0, double lr = 1e-3) : lr_(lr) {
    torch::manual_seed(1);
    net_ = register_module(
        "net", torch::nn::Sequential{
                   torch::nn::Conv2d(torch::nn::Conv2dOptions(3, 8, 3).padding(1)),
                   torch::nn::ReLU(), torch::nn::Flatten(), torch::nn::Linear(512, 32),
                   torch::nn::ReLU(), torch::nn::Dropout(dropout), torch::nn::Linear(32, 4)});
  }
  torch::Tensor forward(const torch::Tensor& images) { return net_->forward(images); }
  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    const torch::Tensor scores = forward(batch[0]);
    const torch::Tensor loss = torch::cross_entropy_loss(scores, batch[1]);
    log("train_loss", loss, {.prog_bar = true, .on_step = true, .on_epoch = true});
    if (on_step) on_step(*this, scores, batch[1], batch_idx);
    return loss;
  }
  StepOutput validation_step(const Batch& batch, int64_t, int64_t) override {
    log("val_loss", torch::cross_entropy_loss(forward(batch[0]), batch[1]));
    return {};
  }
  Optimizers configure_optimizers() override {
    const auto adam = std::make_shared<Adam>(parameters(), lr_);
    if (!scheduler) return adam;
    return OptimizerConfig{
        .optimizer = adam,
        .lr_scheduler = LRSchedulerConfig{.scheduler = scheduler(adam), .interval = "step"}};
  }
  /// All weights, on the CPU, one behind the other.
  torch::Tensor weights() const {
    std::vector<torch::Tensor> all;
    for (const torch::Tensor& parameter : parameters()) {
      all.push_back(parameter.detach().cpu().contiguous().flatten());
    }
    return torch::cat(all);
  }

  std::function<void(Net&, const torch::Tensor& scores, const torch::Tensor& labels, int64_t)>
      on_step;
  std::function<std::shared_ptr<LRScheduler>(const std::shared_ptr<torch::optim::Optimizer>&)>
      scheduler;

 private:
  double lr_;
  torch::nn::Sequential net_{nullptr};
};

/// Where the program waits for the device while one is alive, it throws: CUDA's sync debug mode. On
/// the CPU, which is always waited for, it does nothing.
class NoWaits {
 public:
  NoWaits() { set(true); }
  ~NoWaits() { set(false); }
  NoWaits(const NoWaits&) = delete;
  NoWaits& operator=(const NoWaits&) = delete;

 private:
  static void set([[maybe_unused]] bool forbidden) {
#ifdef COURSE_SYNC_DEBUG_MODE
    using c10::cuda::SyncDebugMode;
    c10::cuda::warning_state().set_sync_debug_mode(forbidden ? SyncDebugMode::L_ERROR
                                                             : SyncDebugMode::L_DISABLED);
#endif
  }
};

}  // namespace lit::testing
