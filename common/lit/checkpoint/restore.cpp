// Finds the checkpoint of a run, and restores the run from it.
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>

#include <algorithm>
#include <set>
#include <system_error>
#include <utility>

#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/checkpoint.h"
#include "lit/checkpoint/checkpoints.h"
#include "lit/checkpoint/errors.h"
#include "lit/checkpoint/keys.h"
#include "lit/checkpoint/weights.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "printable.h"
#include "serialize/checked.h"
#include "serialize/optimizer_state.h"

namespace lit {

namespace fs = std::filesystem;

namespace {

template <typename T>
std::vector<std::shared_ptr<T>> of_type(const std::vector<std::shared_ptr<Callback>>& callbacks) {
  std::vector<std::shared_ptr<T>> found;
  for (const auto& callback : callbacks) {
    if (auto one = std::dynamic_pointer_cast<T>(callback)) found.push_back(std::move(one));
  }
  return found;
}

}  // namespace

// --- Which file -------------------------------------------------------------------------------

// Whether fit resumes from the last file without a ckpt_path.
bool Checkpoints::resumes_by_itself() const {
  return parts_.config.in_fit() && !parts_.config.fast_dev_run() &&
         !of_type<OnExceptionCheckpoint>(parts_.owners.callbacks).empty();
}

void Checkpoints::open(std::string ckpt_path) {
  path_.clear();
  checkpoint_.reset();
  if (ckpt_path.empty()) {
    if (!resumes_by_itself()) return;
    ckpt_path = "last";
  }
  const fs::path path = resolve(ckpt_path);
  if (path.empty()) return;
  info(fmt::format("Restoring states from the checkpoint path at {}", path.string()));
  path_ = path;
  checkpoint_ = read_checkpoint(path);
}

fs::path Checkpoints::resolve(const std::string& ckpt_path) const {
  if (ckpt_path == "best") return best();
  if (ckpt_path != "last") return ckpt_path;
  const fs::path found = last();
  const bool asked_for = of_type<OnExceptionCheckpoint>(parts_.owners.callbacks).empty();
  if (found.empty() && asked_for) {
    warn("ckpt_path is \"last\", but there is no last checkpoint; the run starts fresh");
  }
  return found;
}

fs::path Checkpoints::best() const {
  const auto all = of_type<ModelCheckpoint>(parts_.owners.callbacks);
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
fs::path Checkpoints::last() const {
  fs::path newest;
  fs::file_time_type when;
  for (const fs::path& path : parts_.last_files()) {
    std::error_code failed;
    const auto written = fs::last_write_time(path, failed);
    if (failed || (!newest.empty() && written <= when)) continue;
    newest = path;
    when = written;
  }
  return newest;
}

// --- Getting it back --------------------------------------------------------------------------

void Checkpoints::restore_module(course::Dict& snapshot) {
  LightningModule& module = parts_.hooks.the_module();
  parts_.hooks.module(Hook::on_load_checkpoint,
                      [&](LightningModule& lightning) { lightning.on_load_checkpoint(snapshot); });
  const course::Dict& weights = course::dict(snapshot, keys::kStateDict);
  course::within(keys::kStateDict, [&] { load_weights(module, weights, module.strict_loading); });
  if (const auto& data = parts_.owners.data.data_module()) {
    const std::string key = class_name(*data);
    if (snapshot.find(key) != nullptr) {
      const course::Dict& state = course::dict(snapshot, key);
      course::within(key, [&] { data->load_state_dict(state); });
    }
  }
}

void Checkpoints::restore_modules_and_callbacks() {
  if (!checkpoint_) return;
  try {
    restore_module(*checkpoint_);
    restore_callbacks();
  } catch (const course::Error& error) {
    throw Error(about_checkpoint(path_, "be loaded", error));
  }
  if (parts_.config.in_fit()) return;
  info(fmt::format("Loaded model weights from the checkpoint at {}", path_.string()));
  checkpoint_.reset();
}

void Checkpoints::restore_callbacks() {
  parts_.hooks.callbacks(Hook::on_load_checkpoint, &Callback::on_load_checkpoint,
                         std::as_const(*checkpoint_));
  if (checkpoint_->find(keys::kCallbacks) == nullptr) return;
  const bool fits = parts_.config.in_fit();
  // In an evaluation after a fit, what monitors know of the training is newer than the checkpoint.
  const bool has_fitted = parts_.progress.global_step > 0 || parts_.progress.current_epoch > 0;
  std::string without;
  for (const auto& [key, state] : course::dict(*checkpoint_, keys::kCallbacks)) {
    const std::string& name = course::text(key, "a key of callbacks");
    bool found = false;
    for (const auto& callback : parts_.owners.callbacks) {
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
void Checkpoints::restore_optimizer(torch::optim::Optimizer& optimizer, const course::Dict& state) {
  const auto& configs = parts_.optimizers.schedulers;
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

void Checkpoints::restore_scheduler(LRScheduler& scheduler, const course::Dict& state) {
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

std::optional<ResumePoint> Checkpoints::restore_training_state() {
  if (!checkpoint_) return std::nullopt;
  std::optional<ResumePoint> point;
  go_on_with(path_, [&] {
    const bool whole = checkpoint_->find(keys::kOptimizers) != nullptr &&
                       checkpoint_->find(keys::kSchedulers) != nullptr;
    if (!whole) {
      throw Error(
          "it contains only the model, without optimizer and schedulers, so that no run can resume "
          "from it; load its weights instead (load_from_checkpoint)");
    }
    const auto same_number = [](const char* what, size_t there, size_t here) {
      if (there == here) return;
      throw Error(fmt::format("it has the states of {} {}, but configure_optimizers() returned {}",
                              there, what, here));
    };
    const course::List& optimizers = course::list(*checkpoint_, keys::kOptimizers);
    const course::List& schedulers = course::list(*checkpoint_, keys::kSchedulers);
    same_number("optimizers", optimizers.size(), parts_.optimizers.optimizers.size());
    same_number("schedulers", schedulers.size(), parts_.optimizers.schedulers.size());
    parts_.progress.global_step = course::whole(*checkpoint_, keys::kGlobalStep);
    point = FitState(parts_.fit)
                .load(course::dict(course::dict(*checkpoint_, keys::kLoops), keys::kFitLoop));
    point->path = path_;
    if (checkpoint_->find(keys::kPrecision) != nullptr) {
      const course::Dict& precision = course::dict(*checkpoint_, keys::kPrecision);
      course::within(keys::kPrecision,
                     [&] { parts_.strategy.precision().load_state_dict(precision); });
    }
    for (size_t i = 0; i < optimizers.size(); ++i) {
      if (optimizers[i].is_none()) {
        throw Error("it was written without the optimizer's state, which could not be kept");
      }
      const std::string name = fmt::format("optimizer_states[{}]", i);
      const course::Dict& state = course::dict(optimizers[i], name);
      course::within(name, [&] { restore_optimizer(*parts_.optimizers.optimizers[i], state); });
    }
    for (size_t i = 0; i < schedulers.size(); ++i) {
      const std::string name = fmt::format("lr_schedulers[{}]", i);
      const course::Dict& state = course::dict(schedulers[i], name);
      LRScheduler& scheduler = *parts_.optimizers.schedulers[i].scheduler;
      course::within(name, [&] { restore_scheduler(scheduler, state); });
    }
  });
  if (parts_.limits.max_epochs >= 0 && parts_.progress.current_epoch > parts_.limits.max_epochs) {
    throw Error(fmt::format(
        "the checkpoint is of a run that has completed {} epochs, but max_epochs is {}; set it "
        "higher",
        parts_.progress.current_epoch, parts_.limits.max_epochs));
  }
  info(fmt::format("Restored all states from the checkpoint at {}", path_.string()));
  checkpoint_.reset();
  return point;
}

}  // namespace lit
