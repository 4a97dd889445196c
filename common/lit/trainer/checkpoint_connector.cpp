// CheckpointConnector: a whole run as one file, and back.
#include "lit/trainer/checkpoint_connector.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/checkpoint.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/loops/evaluation_loop.h"
#include "lit/loops/fit_loop.h"
#include "lit/loops/hook_calls.h"
#include "printable.h"
#include "serialize/checked.h"
#include "serialize/optimizer_state.h"
#include "serialize/state_dict.h"
#include "serialize/torch_file.h"

namespace lit {

namespace fs = std::filesystem;

// --- Writing ----------------------------------------------------------------------------------

course::Dict CheckpointConnector::dump(bool weights_only) {
  LightningModule& module = trainer_.module();
  course::Dict checkpoint{{"epoch", trainer_.current_epoch()},
                          {"global_step", trainer_.global_step()},
                          {"pytorch-lightning_version", kLightningVersion},
                          {"lit_format", kCheckpointFormat},
                          {"state_dict", course::state_dict(module)},
                          {"loops", course::Dict{{"fit_loop", trainer_.fit_loop_->state_dict()},
                                                 {"validate_loop", EvaluationLoop::not_run()},
                                                 {"test_loop", EvaluationLoop::not_run()},
                                                 {"predict_loop", EvaluationLoop::not_run()}}}};
  if (!weights_only) {
    course::Dict callbacks;
    for (const auto& callback : trainer_.callbacks()) {
      course::Dict state = callback->state_dict();
      if (state.size() > 0) callbacks.set(callback->state_key(), std::move(state));
    }
    checkpoint.set("callbacks", callbacks);
    course::List optimizers, schedulers;
    for (const LightningOptimizer& optimizer : trainer_.optimizers()) {
      optimizers.emplace_back(state_of(*optimizer));
    }
    for (const LRSchedulerConfig& config : trainer_.lr_scheduler_configs()) {
      schedulers.emplace_back(config.scheduler->state_dict());
    }
    checkpoint.set("optimizer_states", optimizers);
    checkpoint.set("lr_schedulers", schedulers);
  }
  if (module.hparams().size() > 0) {
    checkpoint.set("hparams_name", module.hparams_name());
    checkpoint.set("hyper_parameters", module.hparams());
  }
  if (const auto& data = trainer_.datamodule()) {
    if (data->hparams().size() > 0) {
      checkpoint.set("datamodule_hparams_name", data->hparams_name());
      checkpoint.set("datamodule_hyper_parameters", data->hparams());
    }
    course::Dict state = data->state_dict();
    if (!weights_only && state.size() > 0) checkpoint.set(class_name(*data), std::move(state));
  }
  if (!weights_only) {
    trainer_.calls_->callbacks(Hook::on_save_checkpoint, &Callback::on_save_checkpoint, checkpoint);
  }
  trainer_.calls_->module(Hook::on_save_checkpoint, [&](LightningModule& lightning) {
    lightning.on_save_checkpoint(checkpoint);
  });
  return checkpoint;
}

// Python's schedulers keep a part of their state in the parameter groups.
course::List CheckpointConnector::with_schedulers(const torch::optim::Optimizer& optimizer,
                                                  course::List groups) const {
  for (const LRSchedulerConfig& config : trainer_.lr_scheduler_configs()) {
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
course::Value CheckpointConnector::state_of(const torch::optim::Optimizer& optimizer) {
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

void CheckpointConnector::save(const fs::path& path, bool weights_only) {
  const course::Dict checkpoint = dump(weights_only);
  if (trainer_.strategy().is_global_zero()) {
    if (path.has_parent_path()) {
      std::error_code failed;
      fs::create_directories(path.parent_path(), failed);
      if (failed) {
        throw Error(fmt::format("the folder {} for a checkpoint could not be made: {}",
                                path.parent_path().string(), failed.message()));
      }
    }
    with_own_errors([&] { course::write_torch_file(path, checkpoint); });
  }
  trainer_.strategy().barrier();
}

// --- Reading ----------------------------------------------------------------------------------

void CheckpointConnector::open(std::string ckpt_path) {
  path_.clear();
  checkpoint_.reset();
  if (ckpt_path.empty()) {
    const bool resumes = trainer_.state().fn == TrainerState::Fn::fit && !trainer_.fast_dev_run() &&
                         trainer_.find_callback<OnExceptionCheckpoint>() != nullptr;
    if (!resumes) return;
    ckpt_path = "last";
  }
  const fs::path path = resolve(ckpt_path);
  if (path.empty()) return;
  info(fmt::format("Restoring states from the checkpoint path at {}", path.string()));
  path_ = path;
  checkpoint_ = read_checkpoint(path);
}

fs::path CheckpointConnector::resolve(const std::string& ckpt_path) const {
  if (ckpt_path == "last") {
    const fs::path found = last();
    const bool asked_for = trainer_.find_callback<OnExceptionCheckpoint>() == nullptr;
    if (found.empty() && asked_for) {
      warn("ckpt_path is \"last\", but there is no last checkpoint; the run begins anew");
    }
    return found;
  }
  if (ckpt_path != "best") return ckpt_path;
  std::vector<std::shared_ptr<ModelCheckpoint>> all;
  for (const auto& callback : trainer_.callbacks()) {
    if (auto one = std::dynamic_pointer_cast<ModelCheckpoint>(callback)) all.push_back(one);
  }
  if (all.empty()) {
    throw Error("ckpt_path is \"best\", but no ModelCheckpoint is configured; name a file");
  }
  if (all.size() > 1) {
    warn("ckpt_path is \"best\", and there are several ModelCheckpoints; the first one's is taken");
  }
  if (all.front()->best_model_path().empty()) {
    throw Error("ckpt_path is \"best\", but ModelCheckpoint has not saved anything yet");
  }
  return all.front()->best_model_path();
}

// The newest of what may be meant.
fs::path CheckpointConnector::last() const {
  fs::path newest;
  fs::file_time_type when;
  const auto consider = [&](const fs::path& path) {
    std::error_code failed;
    const auto written = fs::last_write_time(path, failed);
    if (failed || (!newest.empty() && written <= when)) return;
    newest = path;
    when = written;
  };
  for (const auto& callback : trainer_.callbacks()) {
    if (const auto one = std::dynamic_pointer_cast<ModelCheckpoint>(callback)) {
      for (const fs::path& path : one->last_checkpoints(trainer_)) consider(path);
    } else if (const auto other = std::dynamic_pointer_cast<OnExceptionCheckpoint>(callback)) {
      consider(other->ckpt_path());
    }
  }
  return newest;
}

void load_weights(torch::nn::Module& module, const course::Dict& state, bool strict) {
  if (strict) {
    course::load_state_dict(module, state);
    return;
  }
  const std::string differences = course::load_matching(module, state);
  if (!differences.empty()) warn("weights were loaded as far as they fit" + differences);
}

std::string about_checkpoint(const fs::path& path, const std::string& cannot,
                             const std::exception& error) {
  constexpr size_t kMost = 2'000;
  return fmt::format("{} cannot {}: {}", path.string(), cannot,
                     course::printable(error.what(), kMost));
}

void CheckpointConnector::restore_modules_and_callbacks() {
  if (!checkpoint_) return;
  LightningModule& module = trainer_.module();
  trainer_.calls_->module(Hook::on_load_checkpoint, [&](LightningModule& lightning) {
    lightning.on_load_checkpoint(*checkpoint_);
  });
  try {
    const course::Dict& weights = course::dict(*checkpoint_, "state_dict");
    course::within("state_dict", [&] { load_weights(module, weights, module.strict_loading); });
    if (const auto& data = trainer_.datamodule()) {
      const std::string key = class_name(*data);
      if (checkpoint_->find(key) != nullptr) {
        const course::Dict& state = course::dict(*checkpoint_, key);
        course::within(key, [&] { data->load_state_dict(state); });
      }
    }
    restore_callbacks();
  } catch (const course::Error& error) {
    throw Error(about_checkpoint(path_, "be loaded", error));
  }
  if (trainer_.state().fn == TrainerState::Fn::fit) return;
  info(fmt::format("Loaded model weights from the checkpoint at {}", path_.string()));
  checkpoint_.reset();
}

void CheckpointConnector::restore_callbacks() {
  trainer_.calls_->callbacks(Hook::on_load_checkpoint, &Callback::on_load_checkpoint,
                             std::as_const(*checkpoint_));
  if (checkpoint_->find("callbacks") == nullptr) return;
  const bool fits = trainer_.state().fn == TrainerState::Fn::fit;
  // In an evaluation after a fit, what monitors know of the training is newer than the checkpoint.
  const bool has_fitted = trainer_.global_step() > 0 || trainer_.current_epoch() > 0;
  std::string without;
  for (const auto& [key, state] : course::dict(*checkpoint_, "callbacks")) {
    const std::string& name = course::text(key, "a key of callbacks");
    bool found = false;
    for (const auto& callback : trainer_.callbacks()) {
      if (callback->state_key() != name) continue;
      const course::Dict& one = course::dict(state, name);
      const bool knows_more = !fits && has_fitted && callback->is_monitor();
      if (!knows_more) course::within(name, [&] { callback->load_state_dict(one); });
      found = true;
    }
    if (!found) without += (without.empty() ? "" : ", ") + course::printable(name);
  }
  if (!without.empty() && fits) {
    warn(fmt::format("the checkpoint has the states of callbacks that are not there now: {}",
                     without));
  }
}

namespace {

// "lr=0.1 (now 0.05)" for each number of `made` that is another one in `saved`.
std::string differences(const course::Dict& made, const course::Dict& saved,
                        const std::set<std::string>& names) {
  const auto number = [](const course::Value* value) -> std::optional<double> {
    if (value == nullptr || !(value->is<double>() || value->is<int64_t>())) return std::nullopt;
    return value->as_double();
  };
  std::string text;
  for (const std::string& name : names) {
    const auto before = number(saved.find(name)), now = number(made.find(name));
    if (!before || !now || *before == *now) continue;
    text += fmt::format("{}{}={:g} (not {:g})", text.empty() ? "" : ", ", name, *before, *now);
  }
  return text;
}

}  // namespace

// As in PyTorch the checkpoint's numbers win over those of configure_optimizers(); which ones is
// told.
void CheckpointConnector::restore_optimizer(torch::optim::Optimizer& optimizer,
                                            const course::Dict& state) {
  const auto& configs = trainer_.lr_scheduler_configs();
  const bool scheduled = std::any_of(configs.begin(), configs.end(), [&](const auto& config) {
    return config.scheduler->optimizer().get() == &optimizer;
  });
  const auto first_group = [](const course::Dict& of) {
    return of.at("param_groups").as_list().at(0).as_dict();
  };
  const course::Dict made = first_group(course::optimizer_state_dict(optimizer));
  course::load_optimizer_state_dict(optimizer, state);
  std::set<std::string> names{"weight_decay", "momentum", "dampening", "alpha", "eps"};
  if (!scheduled) names.insert("lr");  // else it changes by itself; see restore_scheduler
  const std::string taken_over = differences(made, first_group(state), names);
  if (taken_over.empty()) return;
  warn(
      fmt::format("{} resumes with the checkpoint's {}; to change it, set it after the restore, as "
                  "in on_train_start",
                  class_name(optimizer), taken_over));
}

void CheckpointConnector::restore_scheduler(LRScheduler& scheduler, const course::Dict& state) {
  const auto rates = [](const course::Dict& of) {
    std::vector<double> found;
    if (const course::Value* list = of.find("base_lrs")) {
      for (const course::Value& rate : list->as_list()) found.push_back(rate.as_double());
    }
    return found;
  };
  const std::vector<double> made = rates(scheduler.state_dict());
  scheduler.load_state_dict(state);
  const std::vector<double> restored = rates(scheduler.state_dict());
  if (made == restored) return;
  warn(fmt::format("{} resumes with the checkpoint's base_lrs={} (not {})", class_name(scheduler),
                   fmt::join(restored, ", "), fmt::join(made, ", ")));
}

void CheckpointConnector::restore_training_state() {
  if (!checkpoint_) return;
  go_on_with(path_, [&] {
    const bool whole = checkpoint_->find("optimizer_states") != nullptr &&
                       checkpoint_->find("lr_schedulers") != nullptr;
    if (!whole) {
      throw Error(
          "it contains only the model, without optimizer and schedulers, so that no run can go on "
          "with it; load its weights instead (load_from_checkpoint)");
    }
    const auto same_number = [](const char* what, size_t there, size_t here) {
      if (there == here) return;
      throw Error(fmt::format("it has the states of {} {}, but configure_optimizers() returned {}",
                              there, what, here));
    };
    const course::List& optimizers = course::list(*checkpoint_, "optimizer_states");
    const course::List& schedulers = course::list(*checkpoint_, "lr_schedulers");
    same_number("optimizers", optimizers.size(), trainer_.optimizers().size());
    same_number("schedulers", schedulers.size(), trainer_.lr_scheduler_configs().size());
    trainer_.global_step_ = course::whole(*checkpoint_, "global_step");
    const course::Dict& loop = course::dict(course::dict(*checkpoint_, "loops"), "fit_loop");
    trainer_.fit_loop_->load_state_dict(loop);
    for (size_t i = 0; i < optimizers.size(); ++i) {
      if (optimizers[i].is_none()) {
        throw Error("it was written without the optimizer's state, which could not be kept");
      }
      const std::string name = fmt::format("optimizer_states[{}]", i);
      const course::Dict& state = course::dict(optimizers[i], name);
      course::within(name, [&] { restore_optimizer(*trainer_.optimizers()[i], state); });
    }
    for (size_t i = 0; i < schedulers.size(); ++i) {
      const std::string name = fmt::format("lr_schedulers[{}]", i);
      const course::Dict& state = course::dict(schedulers[i], name);
      LRScheduler& scheduler = *trainer_.lr_scheduler_configs()[i].scheduler;
      course::within(name, [&] { restore_scheduler(scheduler, state); });
    }
  });
  if (trainer_.max_epochs() >= 0 && trainer_.current_epoch() > trainer_.max_epochs()) {
    throw Error(fmt::format(
        "the checkpoint is of a run that has completed {} epochs, but max_epochs is {}; set it "
        "higher",
        trainer_.current_epoch(), trainer_.max_epochs()));
  }
  info(fmt::format("Restored all states from the checkpoint at {}", path_.string()));
  checkpoint_.reset();
}

}  // namespace lit
