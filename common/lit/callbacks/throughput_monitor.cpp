// ThroughputMonitor: batches, samples and tokens per second, to the loggers.
#include "lit/callbacks/throughput_monitor.h"

#include <spdlog/fmt/fmt.h>
#include <torch/cuda.h>

#include <utility>

#include "lit/core/clock.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"

namespace lit {

ThroughputMonitor::ThroughputMonitor(Options options) : options_(std::move(options)) {
  if (options_.window_size < 2) {
    throw Error(fmt::format("window_size of ThroughputMonitor is {}, but must be at least 2",
                            options_.window_size));
  }
  if (options_.available_flops && !options_.flops_per_batch) {
    throw Error("ThroughputMonitor was given available_flops without flops_per_batch");
  }
}

void ThroughputMonitor::start(const std::string& stage) {
  Stage& one = stages_[stage];
  one.start = steady_seconds();
  one.now = {};
  one.window.clear();
}

void ThroughputMonitor::count(Trainer& trainer, const std::string& stage, const Batch& batch) {
  Stage& one = stages_[stage];
  const torch::Device device = trainer.strategy().root_device();
  if (device.is_cuda() && trainer.should_update_logs()) torch::cuda::synchronize(device.index());
  one.now.time = steady_seconds() - one.start;
  ++one.now.batches;
  ++one.all_batches;
  one.now.samples += options_.batch_size_fn ? options_.batch_size_fn(batch) : batch.batch_size();
  if (options_.length_fn) one.now.items += options_.length_fn(batch);
  one.window.push_back(one.now);
  if (static_cast<int64_t>(one.window.size()) > options_.window_size) one.window.pop_front();
}

void ThroughputMonitor::log(Trainer& trainer, const std::string& stage, int64_t step) {
  if (!trainer.should_update_logs()) return;
  const Stage& one = stages_[stage];
  const std::string prefix = stage + options_.separator;
  LoggedMetrics metrics;
  metrics.emplace(prefix + "time", one.now.time);
  metrics.emplace(prefix + "batches", one.now.batches);
  metrics.emplace(prefix + "samples", one.now.samples);
  if (options_.length_fn) metrics.emplace(prefix + "lengths", one.now.items);
  const Moment& first = one.window.front();
  const double seconds = one.now.time - first.time;
  if (static_cast<int64_t>(one.window.size()) == options_.window_size && seconds > 0) {
    const std::string device = prefix + "device" + options_.separator;
    const auto rate = [&](const char* name, int64_t now, int64_t before) {
      metrics.emplace(device + name, static_cast<double>(now - before) / seconds);
    };
    rate("batches_per_sec", one.now.batches, first.batches);
    rate("samples_per_sec", one.now.samples, first.samples);
    if (options_.length_fn) rate("items_per_sec", one.now.items, first.items);
    if (options_.flops_per_batch) {
      const double flops =
          *options_.flops_per_batch * static_cast<double>(one.now.batches - first.batches);
      metrics.emplace(device + "flops_per_sec", flops / seconds);
      if (options_.available_flops) {
        metrics.emplace(device + "mfu", flops / seconds / *options_.available_flops);
      }
    }
  }
  trainer.log_metrics(metrics, step);
}

void ThroughputMonitor::on_train_start(Trainer&, LightningModule&) {
  start("train");
}

void ThroughputMonitor::on_train_batch_end(Trainer& trainer, LightningModule&, const StepOutput&,
                                           const Batch& batch, int64_t batch_idx) {
  count(trainer, "train", batch);
  const bool steps =
      (batch_idx + 1) % trainer.accumulate_grad_batches() == 0 || trainer.is_last_batch();
  if (steps) log(trainer, "train", trainer.logger_step());
}

void ThroughputMonitor::evaluated(Trainer& trainer, const std::string& stage, const Batch& batch) {
  if (trainer.sanity_checking()) return;
  count(trainer, stage, batch);
  log(trainer, stage, stages_[stage].all_batches);
}

void ThroughputMonitor::on_validation_start(Trainer& trainer, LightningModule&) {
  if (trainer.sanity_checking()) return;
  validation_start_ = steady_seconds();
  start("validate");
}

void ThroughputMonitor::on_validation_batch_end(Trainer& trainer, LightningModule&,
                                                const StepOutput&, const Batch& batch, int64_t,
                                                int64_t) {
  evaluated(trainer, "validate", batch);
}

// Training's clock stood still meanwhile.
void ThroughputMonitor::on_validation_end(Trainer& trainer, LightningModule&) {
  if (trainer.sanity_checking() || trainer.state().fn != TrainerState::Fn::fit) return;
  stages_["train"].start += steady_seconds() - validation_start_;
}

void ThroughputMonitor::on_test_start(Trainer&, LightningModule&) {
  start("test");
}

void ThroughputMonitor::on_test_batch_end(Trainer& trainer, LightningModule&, const StepOutput&,
                                          const Batch& batch, int64_t, int64_t) {
  evaluated(trainer, "test", batch);
}

void ThroughputMonitor::on_predict_start(Trainer&, LightningModule&) {
  start("predict");
}

void ThroughputMonitor::on_predict_batch_end(Trainer& trainer, LightningModule&, const Batch&,
                                             const Batch& batch, int64_t, int64_t) {
  evaluated(trainer, "predict", batch);
}

}  // namespace lit
