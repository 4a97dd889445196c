// LearningRateMonitor: the learning rates, to the loggers.
#include "lit/callbacks/learning_rate_monitor.h"

#include <spdlog/fmt/fmt.h>

#include <set>
#include <utility>

#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/optim/param_groups.h"
#include "lit/trainer/trainer.h"

namespace lit {

LearningRateMonitor::LearningRateMonitor(Options options) : options_(std::move(options)) {
  if (!options_.logging_interval.empty()) {
    options_.logging_interval.of("logging_interval of LearningRateMonitor");
  }
}

void LearningRateMonitor::on_train_start(Trainer& trainer, LightningModule&) {
  if (trainer.loggers().empty() && !trainer.fast_dev_run()) {
    throw Error(
        "LearningRateMonitor has no logger to send learning rates to; give the Trainer one, or "
        "leave the callback out");
  }
  lrs_.clear();
  if (trainer.lr_scheduler_configs().empty()) {
    warn(
        "LearningRateMonitor is used with a module that has no learning rate scheduler; it logs "
        "the same rates again and again");
  }
}

void LearningRateMonitor::on_train_batch_start(Trainer& trainer, LightningModule&, const Batch&,
                                               int64_t) {
  if (logs_at(Interval::step) && trainer.should_update_logs()) log(trainer, Interval::step);
}

void LearningRateMonitor::on_train_epoch_start(Trainer& trainer, LightningModule&) {
  if (logs_at(Interval::epoch)) log(trainer, Interval::epoch);
}

bool LearningRateMonitor::logs_at(Interval interval) const {
  return options_.logging_interval.empty() || options_.logging_interval == interval;
}

void LearningRateMonitor::log(Trainer& trainer, Interval interval) {
  LoggedMetrics values;
  std::set<const torch::optim::Optimizer*> scheduled;
  std::map<std::string, int> of_class;  // optimizers named after it so far
  const auto name_for = [&](const torch::optim::Optimizer& optimizer) {
    const std::string name = "lr-" + class_name(optimizer);
    const int before = of_class[name]++;
    return before == 0 ? name : fmt::format("{}-{}", name, before);
  };
  for (const LRSchedulerConfig& config : trainer.lr_scheduler_configs()) {
    const torch::optim::Optimizer& optimizer = *config.scheduler->optimizer();
    scheduled.insert(&optimizer);
    const std::string name = config.name.empty() ? name_for(optimizer) : config.name;
    if (options_.logging_interval.empty() && config.interval != interval) continue;
    add(values, optimizer, name);
  }
  for (const LightningOptimizer& optimizer : trainer.optimizers()) {
    if (scheduled.count(&*optimizer) == 0) add(values, *optimizer, name_for(*optimizer));
  }
  if (!values.empty()) trainer.log_metrics(values, trainer.logger_step(), /*for_monitors=*/true);
}

void LearningRateMonitor::add(LoggedMetrics& values, const torch::optim::Optimizer& optimizer,
                              const std::string& name) {
  const auto& groups = optimizer.param_groups();
  const std::string bare = options_.log_key_prefix + name;
  for (size_t i = 0; i < groups.size(); ++i) {
    const std::string key = groups.size() == 1 ? bare : fmt::format("{}/pg{}", bare, i + 1);
    if (groups.size() > 1 && i == 0 && lrs_.count(bare) != 0) {
      auto moved = lrs_.extract(bare);
      moved.key() = key;
      lrs_.insert(std::move(moved));
    }
    const double rate = groups[i].options().get_lr();
    lrs_[key].push_back(rate);
    values.insert_or_assign(key, rate);
    if (options_.log_momentum) {
      values.insert_or_assign(key + "-momentum", momentum(groups[i]).value_or(0));
    }
    if (options_.log_weight_decay) {
      values.insert_or_assign(key + "-weight_decay", weight_decay(groups[i]).value_or(0));
    }
  }
}

}  // namespace lit
