// DeviceStatsMonitor: how busy the machine is, to the loggers.
#include "lit/callbacks/device_stats_monitor.h"

#include <map>
#include <utility>

#include "lit/error.h"
#include "lit/trainer/trainer.h"

namespace lit {

DeviceStatsMonitor::DeviceStatsMonitor(Options options) : options_(std::move(options)) {}

void DeviceStatsMonitor::setup(Trainer& trainer, LightningModule&, const std::string& stage) {
  if (stage == "fit" && trainer.loggers().empty() && !trainer.fast_dev_run()) {
    throw Error(
        "DeviceStatsMonitor has no logger to send numbers to; give the Trainer one, or leave the "
        "callback out");
  }
}

void DeviceStatsMonitor::log(Trainer& trainer, const std::string& hook) {
  if (trainer.loggers().empty() || !trainer.should_update_logs()) return;
  const torch::Device device = trainer.strategy().root_device();
  std::map<std::string, double> stats = course::device_stats(device);
  if (options_.cpu_stats.value_or(device.is_cpu())) stats.merge(cpu_.stats());
  LoggedMetrics metrics;
  for (const auto& [name, value] : stats) {
    if (!options_.filter_keys.empty() && options_.filter_keys.count(name) == 0) continue;
    metrics.emplace("DeviceStatsMonitor." + hook + "/" + name, value);
  }
  trainer.log_metrics(metrics, trainer.logger_step());
}

void DeviceStatsMonitor::on_train_batch_start(Trainer& trainer, LightningModule&, const Batch&,
                                              int64_t) {
  log(trainer, "on_train_batch_start");
}
void DeviceStatsMonitor::on_train_batch_end(Trainer& trainer, LightningModule&, const StepOutput&,
                                            const Batch&, int64_t) {
  log(trainer, "on_train_batch_end");
}
void DeviceStatsMonitor::on_validation_batch_start(Trainer& trainer, LightningModule&, const Batch&,
                                                   int64_t, int64_t) {
  log(trainer, "on_validation_batch_start");
}
void DeviceStatsMonitor::on_validation_batch_end(Trainer& trainer, LightningModule&,
                                                 const StepOutput&, const Batch&, int64_t,
                                                 int64_t) {
  log(trainer, "on_validation_batch_end");
}
void DeviceStatsMonitor::on_test_batch_start(Trainer& trainer, LightningModule&, const Batch&,
                                             int64_t, int64_t) {
  log(trainer, "on_test_batch_start");
}
void DeviceStatsMonitor::on_test_batch_end(Trainer& trainer, LightningModule&, const StepOutput&,
                                           const Batch&, int64_t, int64_t) {
  log(trainer, "on_test_batch_end");
}

}  // namespace lit
