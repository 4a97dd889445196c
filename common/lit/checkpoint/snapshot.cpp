// A whole run as a dict: what a checkpoint holds.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

#include "lit/checkpoint.h"
#include "lit/checkpoint/checkpoints.h"
#include "lit/checkpoint/keys.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "serialize/optimizer_state.h"
#include "serialize/state_dict.h"

namespace lit {

course::Dict Checkpoints::snapshot(bool weights_only) {
  LightningModule& module = parts_.hooks.the_module();
  const course::Dict has_not_run = FitState::of_loop_that_has_not_run();
  course::Dict checkpoint{{keys::kEpoch, parts_.progress.current_epoch},
                          {keys::kGlobalStep, parts_.progress.global_step},
                          {keys::kVersion, kLightningVersion},
                          {keys::kFormat, kCheckpointFormat},
                          {keys::kStateDict, course::state_dict(module)},
                          {keys::kLoops, course::Dict{{keys::kFitLoop, FitState(parts_.fit).dump()},
                                                      {"validate_loop", has_not_run},
                                                      {"test_loop", has_not_run},
                                                      {"predict_loop", has_not_run}}}};
  if (!weights_only) {
    course::Dict callbacks;
    for (const auto& callback : parts_.owners.callbacks) {
      course::Dict state = callback->state_dict();
      if (state.size() > 0) callbacks.set(callback->state_key(), std::move(state));
    }
    checkpoint.set(keys::kCallbacks, callbacks);
    course::List optimizers, schedulers;
    for (const LightningOptimizer& optimizer : parts_.optimizers.optimizers) {
      optimizers.emplace_back(state_of(*optimizer));
    }
    for (const LRSchedulerConfig& config : parts_.optimizers.schedulers) {
      schedulers.emplace_back(config.scheduler->state_dict());
    }
    checkpoint.set(keys::kOptimizers, optimizers);
    checkpoint.set(keys::kSchedulers, schedulers);
    course::Dict precision = parts_.strategy.precision().state_dict();
    if (precision.size() > 0) checkpoint.set(keys::kPrecision, std::move(precision));
  }
  if (module.hparams().size() > 0) {
    checkpoint.set(keys::kHparamsName, module.hparams_name());
    checkpoint.set(keys::kHparams, module.hparams());
  }
  if (const auto& data = parts_.owners.data.data_module()) {
    if (data->hparams().size() > 0) {
      checkpoint.set(keys::kDataHparamsName, data->hparams_name());
      checkpoint.set(keys::kDataHparams, data->hparams());
    }
    course::Dict state = data->state_dict();
    if (!weights_only && state.size() > 0) checkpoint.set(class_name(*data), std::move(state));
  }
  if (!weights_only) {
    parts_.hooks.callbacks(Hook::on_save_checkpoint, &Callback::on_save_checkpoint, checkpoint);
  }
  parts_.hooks.module(Hook::on_save_checkpoint, [&](LightningModule& lightning) {
    lightning.on_save_checkpoint(checkpoint);
  });
  return checkpoint;
}

// Python's schedulers keep a part of their state in the parameter groups.
course::List Checkpoints::with_schedulers(const torch::optim::Optimizer& optimizer,
                                          course::List groups) const {
  for (const LRSchedulerConfig& config : parts_.optimizers.schedulers) {
    if (config.scheduler->optimizer().get() != &optimizer) continue;
    const std::vector<course::Dict> more = config.scheduler->in_param_groups();
    for (size_t i = 0; i < std::min(groups.size(), more.size()); ++i) {
      course::Dict group = groups[i].as_dict();
      for (const auto& [key, value] : more[i]) group.set(key, value);
      groups[i] = group;
    }
  }
  return groups;
}

// One that cannot be kept does not end a run that is saved by default.
course::Value Checkpoints::state_of(const torch::optim::Optimizer& optimizer) {
  try {
    course::Dict state = course::optimizer_state_dict(optimizer);
    state.set("param_groups", with_schedulers(optimizer, state.at("param_groups").as_list()));
    return state;
  } catch (const course::Error& error) {
    if (!std::exchange(told_of_optimizer_, true)) {
      warn(fmt::format("checkpoints will hold the weights, but no run can go on from them: {} ({})",
                       error.what(), class_name(optimizer)));
    }
    return {};
  }
}

}  // namespace lit
