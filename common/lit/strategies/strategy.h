// Strategy: devices and processes, so that no loop has to know how many there are.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "device/device.h"
#include "lit/core/batch.h"
#include "lit/core/logging.h"
#include "lit/core/step_output.h"
#include "lit/strategies/precision.h"

namespace lit {

class LightningModule;

/// Runs the steps of a module, and knows what the processes do together: every forward pass,
/// backward pass, optimizer step, reduction, barrier and checkpoint file goes through it. Derive
/// from it for several devices; the base's steps are those of one.
class Strategy {
 public:
  virtual ~Strategy() = default;

  virtual torch::Device root_device() const = 0;
  virtual int64_t world_size() const = 0;
  virtual int64_t global_rank() const = 0;
  virtual int64_t local_rank() const = 0;
  bool is_global_zero() const { return global_rank() == 0; }

  /// Waits for all processes.
  virtual void barrier() = 0;
  /// True if it is so in any (all) of the processes.
  virtual bool any(bool value) = 0;
  virtual bool all(bool value) = 0;
  /// A tensor summed up (or its mean, least, greatest) over all processes, the same in each.
  virtual torch::Tensor reduce(const torch::Tensor& tensor, Reduce by) = 0;
  /// The tensor of that process, in each.
  virtual torch::Tensor broadcast(const torch::Tensor& tensor, int64_t from_rank) = 0;

  /// Brings a module to the device, before its optimizers are made; and back to the CPU.
  virtual void setup(torch::nn::Module& module) { module.to(root_device()); }
  virtual void teardown(torch::nn::Module& module) { module.to(torch::kCPU); }
  /// A batch on its way: to the device, unless a module or data module does it by itself.
  virtual Batch batch_to_device(Batch batch);

  // Steps, each in the precision's context.

  virtual StepOutput training_step(LightningModule& module, const Batch& batch, int64_t batch_idx);
  virtual StepOutput validation_step(LightningModule& module, const Batch& batch, int64_t batch_idx,
                                     int64_t dataloader_idx);
  virtual StepOutput test_step(LightningModule& module, const Batch& batch, int64_t batch_idx,
                               int64_t dataloader_idx);
  virtual Batch predict_step(LightningModule& module, const Batch& batch, int64_t batch_idx,
                             int64_t dataloader_idx);
  /// The module's backward(), of the precision's loss.
  virtual void backward(LightningModule& module, const torch::Tensor& loss);
  /// The gradients of this step are there, summed up over its batches: what processes do with them
  /// together, before anybody looks at them.
  virtual void gradients_are_there(LightningModule&, torch::optim::Optimizer& optimizer) {
    precision().unscale(optimizer);
  }
  /// The optimizer's step().
  virtual void optimizer_step(torch::optim::Optimizer& optimizer,
                              const std::function<torch::Tensor()>& closure);

  /// The run of this process ends by an exception: lets no other process wait for it.
  virtual void abort(const std::exception_ptr&) {}
  /// Writes a checkpoint: one process does, and all wait until it is there.
  virtual void save_checkpoint(const course::Dict& checkpoint, const std::filesystem::path& path);

  PrecisionPlugin& precision() const { return *precision_; }
  void set_precision(std::shared_ptr<PrecisionPlugin> precision) {
    precision_ = std::move(precision);
  }

 private:
  std::shared_ptr<PrecisionPlugin> precision_ = std::make_shared<PrecisionPlugin>();
};

/// One process, one device.
class SingleDeviceStrategy : public Strategy {
 public:
  explicit SingleDeviceStrategy(torch::Device device) : device_(course::with_index(device)) {}

  torch::Device root_device() const override { return device_; }
  int64_t world_size() const override { return 1; }
  int64_t global_rank() const override { return 0; }
  int64_t local_rank() const override { return 0; }
  void barrier() override {}
  bool any(bool value) override { return value; }
  bool all(bool value) override { return value; }
  torch::Tensor reduce(const torch::Tensor& tensor, Reduce) override { return tensor; }
  torch::Tensor broadcast(const torch::Tensor& tensor, int64_t) override { return tensor; }

 private:
  torch::Device device_;
};

/// How many devices ("auto" is one, today), or which: "1," is the one with the index 1.
using Devices = std::variant<int64_t, std::string>;

/// The strategy for an accelerator ("auto", "cpu", "cuda", "gpu" or "mps") and devices.
/// @throws Error for a name that is not known, a device that is not there, or more than one
std::shared_ptr<Strategy> make_strategy(const std::string& accelerator, const Devices& devices);

}  // namespace lit
