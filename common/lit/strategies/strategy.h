// Strategy: devices and processes, so that no loop has to know how many there are.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <memory>
#include <string>
#include <variant>

#include "device/device.h"
#include "lit/core/logging.h"

namespace lit {

/// Owns the device, this process's rank, and what the processes do together.
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
  /// A tensor summed up over all processes.
  virtual torch::Tensor reduce(const torch::Tensor& tensor, Reduce by) = 0;

  /// Brings a module to the device, before its optimizers are made; and back to the CPU.
  virtual void setup(torch::nn::Module& module) { module.to(root_device()); }
  virtual void teardown(torch::nn::Module& module) { module.to(torch::kCPU); }
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

 private:
  torch::Device device_;
};

/// How many devices ("auto" is one, today), or which: "1," is the one with the index 1.
using Devices = std::variant<int64_t, std::string>;

/// The strategy for an accelerator ("auto", "cpu", "cuda", "gpu" or "mps") and devices.
/// @throws Error for a name that is not known, a device that is not there, or more than one
std::shared_ptr<Strategy> make_strategy(const std::string& accelerator, const Devices& devices);

}  // namespace lit
