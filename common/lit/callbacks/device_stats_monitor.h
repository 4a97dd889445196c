// DeviceStatsMonitor: how busy the machine is, to the loggers.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "device/usage.h"
#include "lit/callbacks/callback.h"

namespace lit {

/// Lightning's arguments.
struct DeviceStatsMonitorOptions {
  /// Log those of the CPU: by default where the module runs on it.
  std::optional<bool> cpu_stats = std::nullopt;
  /// Only those with these names, as in {"cpu_percent"}; empty: all.
  std::set<std::string> filter_keys = {};
};

/// Logs at the start and end of each batch that loggers get, in training, validation and test:
/// "DeviceStatsMonitor.on_train_batch_start/cpu_percent", cpu_vm_percent and cpu_swap_percent (of
/// the whole machine), and on CUDA what libtorch's allocator has, as
/// "…/allocated_bytes.all.current".
class DeviceStatsMonitor : public Callback {
 public:
  using Options = DeviceStatsMonitorOptions;
  explicit DeviceStatsMonitor(Options options = {});

  /// @throws Error if the Trainer has no logger
  void setup(Trainer& trainer, LightningModule& module, const std::string& stage) override;
  void on_train_batch_start(Trainer& trainer, LightningModule& module, const Batch& batch,
                            int64_t batch_idx) override;
  void on_train_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                          const Batch& batch, int64_t batch_idx) override;
  void on_validation_batch_start(Trainer& trainer, LightningModule& module, const Batch& batch,
                                 int64_t batch_idx, int64_t dataloader_idx) override;
  void on_validation_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                               const Batch& batch, int64_t batch_idx,
                               int64_t dataloader_idx) override;
  void on_test_batch_start(Trainer& trainer, LightningModule& module, const Batch& batch,
                           int64_t batch_idx, int64_t dataloader_idx) override;
  void on_test_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                         const Batch& batch, int64_t batch_idx, int64_t dataloader_idx) override;

 private:
  void log(Trainer& trainer, const std::string& hook);

  Options options_;
  course::CpuUsage cpu_;
};

}  // namespace lit
