// The optimizers and schedulers of a fit: made, checked, stepped.
#include "lit/run/optimization.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "serialize/parameters.h"

namespace lit {

void Optimization::make() {
  const Optimizers made = hooks_.module(Hook::configure_optimizers, [](LightningModule& module) {
    return module.configure_optimizers();
  });
  list_ = {};
  for (const OptimizerConfig& config : made.all()) {
    if (config.optimizer == nullptr) {
      throw Error("configure_optimizers() returned one that is null");
    }
    with_own_errors([&] { course::take_each_once(config.optimizer->param_groups()); });
    list_.optimizers.emplace_back(config.optimizer, this);
    if (config.lr_scheduler) list_.schedulers.push_back(*config.lr_scheduler);
  }
  check();
}

void Optimization::check() const {
  if (list_.optimizers.empty()) {
    warn("configure_optimizers() returned no optimizer; everything runs, and nothing is learned");
  }
  if (list_.optimizers.size() > 1 && hooks_.the_module().automatic_optimization) {
    throw Error(fmt::format(
        "configure_optimizers() returned {} optimizers, but automatic optimization works with one; "
        "set automatic_optimization to false in the module's constructor, and step each of them in "
        "training_step()",
        list_.optimizers.size()));
  }
  for (const LRSchedulerConfig& config : list_.schedulers) {
    if (config.scheduler == nullptr) {
      throw Error("configure_optimizers() returned a scheduler that is null");
    }
    config.interval.of("the interval of a scheduler");
    if (config.frequency < 1) {
      throw Error(fmt::format("the frequency of a scheduler is {}, but must be at least 1",
                              config.frequency));
    }
    if (config.scheduler->needs_metric() && config.monitor.empty()) {
      throw Error(
          "configure_optimizers() returned a scheduler that steps by a metric, without the name of "
          "one; set its monitor, as in {.scheduler = plateau, .monitor = \"val_loss\"}");
    }
    if (config.scheduler->total_steps() && config.interval == Interval::epoch) {
      warn(fmt::format(
          "{} counts batches, but is stepped once an epoch; set the interval of its config to step",
          class_name(*config.scheduler)));
    }
    const bool is_ours = std::any_of(
        list_.optimizers.begin(), list_.optimizers.end(),
        [&](const auto& one) { return one.optimizer() == config.scheduler->optimizer(); });
    if (!is_ours) {
      throw Error(
          "configure_optimizers() returned a scheduler of an optimizer that it did not return; "
          "return both");
    }
  }
}

void Optimization::step(LightningOptimizer& optimizer, const Closure& closure) {
  LightningModule& module = hooks_.the_module();
  if (!module.automatic_optimization) {
    const Profiler::Scope timed = hooks_.timed("optimizer_step");
    strategy_.gradients_are_there(module, *optimizer);
    hooks_.on_before_optimizer_step(*optimizer);
    strategy_.optimizer_step(*optimizer, closure);
    ++progress_.global_step;
    return;
  }
  // Inside the optimizer's own step: the closure, then what comes between gradients and update.
  strategy_.optimizer_step(*optimizer, [&] {
    torch::Tensor loss = closure();
    strategy_.gradients_are_there(module, *optimizer);
    hooks_.on_before_optimizer_step(*optimizer);
    hooks_.module(Hook::configure_gradient_clipping, [&](LightningModule& one) {
      one.configure_gradient_clipping(*optimizer, config_.options.gradient_clip_val,
                                      config_.options.gradient_clip_algorithm);
    });
    return loss;
  });
}

void Optimization::step_schedulers(Interval interval, bool plateau, int64_t count,
                                   const LogSession& log) {
  if (!hooks_.the_module().automatic_optimization) return;
  for (const LRSchedulerConfig& config : list_.schedulers) {
    const bool due = config.interval == interval && config.scheduler->needs_metric() == plateau &&
                     count % config.frequency == 0;
    if (!due) continue;
    std::optional<double> metric;
    if (plateau) {
      metric = monitored(config, log);
      if (!metric) continue;
    }
    hooks_.module(Hook::lr_scheduler_step, [&](LightningModule& module) {
      module.lr_scheduler_step(*config.scheduler, metric);
    });
    ++progress_.scheduler_steps;
  }
}

std::optional<double> Optimization::monitored(const LRSchedulerConfig& config,
                                              const LogSession& log) {
  const LoggedMetrics& metrics = log.callback_metrics();
  const auto found = metrics.find(config.monitor);
  if (found != metrics.end()) return found->second.value();
  std::string known;
  for (const auto& [name, value] : metrics) known += " " + name;
  const std::string text =
      fmt::format("a scheduler steps by the metric {}, which is not there; logged so far:{}",
                  config.monitor, known.empty() ? " nothing" : known);
  if (config.strict) {
    throw Error(text + "; if it is logged more seldom than the scheduler steps, set its frequency");
  }
  warn(text);
  return std::nullopt;
}

}  // namespace lit
