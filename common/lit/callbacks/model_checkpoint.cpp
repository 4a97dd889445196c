// ModelCheckpoint: keeps the best states of a run, or the last ones, as files.
#include "lit/callbacks/model_checkpoint.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "lit/callbacks/checkpoint_paths.h"
#include "lit/checkpoint.h"
#include "lit/core/clock.h"
#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "printable.h"
#include "serialize/atomic_file.h"
#include "serialize/checked.h"
#include "serialize/python_text.h"
#include "unfinished_file.h"

namespace lit {

namespace fs = std::filesystem;

using detail::is_inside;
using detail::place_of;
using detail::real_path;

ModelCheckpoint::ModelCheckpoint(Options options)
    : options_(std::move(options)),
      kth_value_(std::numeric_limits<double>::infinity() *
                 (options_.mode.of("mode of ModelCheckpoint") == MonitorMode::min ? 1 : -1)) {
  if (options_.save_top_k < -1) {
    throw Error(fmt::format(
        "save_top_k of ModelCheckpoint is {}, but must be -1 (all), 0 (none) or a number to keep",
        options_.save_top_k));
  }
  for (const auto& [name, every] : {std::pair("every_n_train_steps", options_.every_n_train_steps),
                                    std::pair("every_n_epochs", options_.every_n_epochs)}) {
    if (every.value_or(0) < 0) {
      throw Error(fmt::format("{} of ModelCheckpoint is {}, but must be at least 0", name, *every));
    }
  }
  const int triggers = (options_.every_n_train_steps.value_or(0) > 0) +
                       (options_.every_n_epochs.value_or(0) > 0) +
                       options_.train_time_interval.has_value();
  if (triggers > 1) {
    throw Error(
        "ModelCheckpoint was given more than one of every_n_train_steps, every_n_epochs and "
        "train_time_interval; give the Trainer a ModelCheckpoint for each");
  }
  if (options_.monitor.empty() && options_.save_top_k > 1) {
    throw Error(fmt::format(
        "ModelCheckpoint is to keep the best {}, but has no monitor that tells which these are; "
        "without one save_top_k is -1, 0 or 1",
        options_.save_top_k));
  }
  const bool none =
      !options_.every_n_train_steps && !options_.every_n_epochs && !options_.train_time_interval;
  every_n_train_steps_ = options_.every_n_train_steps.value_or(0);
  every_n_epochs_ = none ? 1 : options_.every_n_epochs.value_or(0);
}

// --- When -------------------------------------------------------------------------------------

void ModelCheckpoint::setup(Trainer& trainer, LightningModule&, const std::string& stage) {
  if (dirpath_.empty()) {
    const fs::path folder = resolve_dirpath(trainer);
    dirpath_ = real_path(folder);
    // Python makes a real path of one that it is given, and takes its own as it is.
    dirpath_in_python_ = options_.dirpath.empty() ? folder : dirpath_;
  }
  ckpt_path_ = trainer.ckpt_path().empty() ? fs::path() : real_path(trainer.ckpt_path());
  leftovers_.clear();
  same_folder_ = validated_ = deferred_ = false;
  std::error_code missing;
  const bool has_files = fs::is_directory(dirpath_, missing) && !fs::is_empty(dirpath_, missing);
  if (stage == "fit" && has_files && options_.save_top_k != 0 && trainer.ckpt_path().empty()) {
    warn(fmt::format("the folder for checkpoints has files already: {}", dirpath_.string()));
  }
}

void ModelCheckpoint::on_train_start(Trainer& trainer, LightningModule&) {
  if (same_folder_) find_leftovers(trainer);
  last_time_checked_ = steady_seconds();
}

bool ModelCheckpoint::saves_nothing(const Trainer& trainer) {
  return trainer.fast_dev_run() || trainer.state().fn != TrainerState::Fn::fit ||
         trainer.sanity_checking();
}

// After the training epoch, where its validation is over by then and there is but one.
bool ModelCheckpoint::saves_on_train_epoch_end(const Trainer& trainer) const {
  if (options_.save_on_train_epoch_end) return *options_.save_on_train_epoch_end;
  if (trainer.options().check_val_every_n_epoch != 1) return false;
  int64_t batches = 0;
  for (const int64_t of_loader : trainer.num_val_batches()) batches = std::max(batches, of_loader);
  if (batches == 0) return true;
  const auto* share = std::get_if<double>(&trainer.options().val_check_interval);
  return share != nullptr && *share == 1.0;
}

void ModelCheckpoint::on_train_batch_end(Trainer& trainer, LightningModule&, const StepOutput&,
                                         const Batch&, int64_t) {
  if (saves_nothing(trainer)) return;
  const bool by_steps =
      every_n_train_steps_ > 0 && trainer.global_step() % every_n_train_steps_ == 0;
  const double now = steady_seconds();
  const bool by_time =
      options_.train_time_interval &&
      trainer.strategy().any(now - last_time_checked_ >= options_.train_time_interval->seconds());
  if (!by_steps && !by_time) return;
  if (by_time) last_time_checked_ = now;
  const LoggedMetrics metrics = candidates(trainer);
  if (!options_.monitor.empty()) {
    const bool validates_now = trainer.validation_is_due();
    // The metric is not there yet, or about to be another: the next validation may bring it.
    deferred_ = validates_now || metrics.count(options_.monitor) == 0;
    if (deferred_) {
      if (!validates_now) save_last(trainer, metrics);
      return;
    }
  }
  save(trainer, metrics);
}

void ModelCheckpoint::on_validation_end(Trainer& trainer, LightningModule&) {
  if (saves_nothing(trainer)) return;
  validated_ = true;
  if (deferred_) {
    const LoggedMetrics metrics = candidates(trainer);
    deferred_ = metrics.count(options_.monitor) == 0;  // it may come with the epoch's end
    deferred_ ? save_last(trainer, metrics) : save(trainer, metrics);
  } else if (!saves_on_train_epoch_end(trainer)) {
    save_for_epoch(trainer);
  }
}

void ModelCheckpoint::on_train_epoch_end(Trainer& trainer, LightningModule&) {
  if (saves_nothing(trainer)) return;
  if (deferred_) {
    const LoggedMetrics metrics = candidates(trainer);
    const bool found = metrics.count(options_.monitor) != 0;
    if (!found && (validated_ || !trainer.enable_validation())) refuse_monitor(metrics);
    deferred_ = !found;
  }
  if (saves_on_train_epoch_end(trainer)) save_for_epoch(trainer);
}

void ModelCheckpoint::save_for_epoch(Trainer& trainer) {
  if (every_n_epochs_ > 0 && (trainer.current_epoch() + 1) % every_n_epochs_ == 0) {
    save(trainer, candidates(trainer));
  }
}

// A fit that has saved nothing at all leaves its last state at least.
void ModelCheckpoint::on_train_end(Trainer& trainer, LightningModule&) {
  if (saves_nothing(trainer) || !trainer.has_trained()) return;
  if (last_saved_.empty() && last_model_path_.empty()) save_last(trainer, candidates(trainer));
}

// No bookkeeping of the best, and nothing that hides the exception. A run that has trained nothing
// yet has nothing that is not kept already.
void ModelCheckpoint::on_exception(Trainer& trainer, LightningModule&, const std::exception&) {
  if (!options_.save_on_exception || saves_nothing(trainer) || !trainer.has_trained() ||
      last_global_step_saved_ == trainer.global_step()) {
    return;
  }
  try {
    const LoggedMetrics metrics = candidates(trainer);
    save_file(trainer, free_name(metrics, "", {}));
    save_last(trainer, metrics);
  } catch (const std::exception& error) {
    warn(fmt::format("no checkpoint could be saved: {}", error.what()));
  }
}

// --- What -------------------------------------------------------------------------------------

LoggedMetrics ModelCheckpoint::candidates(Trainer& trainer) const {
  LoggedMetrics metrics = trainer.callback_metrics();
  metrics.emplace("epoch", trainer.current_epoch());
  metrics.emplace("step", trainer.global_step());
  return metrics;
}

void ModelCheckpoint::save(Trainer& trainer, const LoggedMetrics& metrics) {
  if (last_global_step_saved_ != trainer.global_step()) save_top_k(trainer, metrics);
  save_last(trainer, metrics);
}

// A validation has been, so that the metric would be there if anybody logged it.
void ModelCheckpoint::refuse_monitor(const LoggedMetrics& metrics) const {
  std::string known;
  for (const auto& [name, value] : metrics) known += " " + name;
  const std::string text = fmt::format(
      "ModelCheckpoint monitors {}, which was not logged; there are:{}", options_.monitor, known);
  if (validated_) throw Error(text);
  warn(text + "; the best cannot be told");
}

void ModelCheckpoint::save_top_k(Trainer& trainer, const LoggedMetrics& metrics) {
  if (options_.save_top_k == 0) return;
  if (options_.monitor.empty()) return save_newest(trainer, metrics);
  const auto found = metrics.find(options_.monitor);
  if (found == metrics.end()) return refuse_monitor(metrics);
  const double current = found->second.value();
  const int64_t k = options_.save_top_k;
  const bool has_room = k == -1 || static_cast<int64_t>(best_k_models_.size()) < k;
  if (has_room || better(current, kth_value_)) {
    save_monitored(trainer, metrics, current);
  } else if (options_.verbose) {
    info(fmt::format("Epoch {}, global step {}: '{}' was not in top {}", trainer.current_epoch(),
                     trainer.global_step(), options_.monitor, k));
  }
}

// The best or the worst of those that are kept; of equal ones the first.
const std::pair<fs::path, double>* ModelCheckpoint::extreme(bool best) const {
  const std::pair<fs::path, double>* found = nullptr;
  for (const auto& one : best_k_models_) {
    if (found == nullptr ||
        (best ? better(one.second, found->second) : better(found->second, one.second))) {
      found = &one;
    }
  }
  return found;
}

void ModelCheckpoint::save_monitored(Trainer& trainer, const LoggedMetrics& metrics,
                                     double current) {
  const auto k = options_.save_top_k == -1 ? best_k_models_.size() + 1
                                           : static_cast<size_t>(options_.save_top_k);
  fs::path displaced;
  if (best_k_models_.size() == k) {
    displaced = kth_best_model_path_;
    std::erase_if(best_k_models_, [&](const auto& one) { return one.first == displaced; });
  }
  if (std::isnan(current)) {
    current = std::numeric_limits<double>::infinity() * (minimizes() ? 1 : -1);
  }
  const fs::path path = free_name(metrics, "", displaced);
  current_score_ = current;
  std::erase_if(best_k_models_,
                [&](const auto& one) { return one.first.native() == path.native(); });
  best_k_models_.emplace_back(path, current);
  keep_at_most_k();
  const auto* best = extreme(/*best=*/true);
  best_model_path_ = best->first;
  best_model_score_ = best->second;
  if (options_.verbose) {
    info(fmt::format(
        "Epoch {}, global step {}: '{}' reached {:.5f} (best {:.5f}), saving model to '{}' as "
        "top {}",
        trainer.current_epoch(), trainer.global_step(), options_.monitor, current,
        *best_model_score_, path.string(), k));
  }
  save_file(trainer, path);
  if (!displaced.empty()) remove(trainer, displaced, path);
}

void ModelCheckpoint::save_newest(Trainer& trainer, const LoggedMetrics& metrics) {
  const fs::path previous =
      std::exchange(best_model_path_, free_name(metrics, "", best_model_path_));
  save_file(trainer, best_model_path_);
  if (options_.save_top_k == 1 && !previous.empty()) remove(trainer, previous, best_model_path_);
}

// Whenever there is an opportunity to save, whatever the metric: the last state is the one to go on
// from. Lightning writes it only together with another file. What the file says of itself is set
// before it is written, as in save_file.
void ModelCheckpoint::save_last(Trainer& trainer, const LoggedMetrics& metrics) {
  if (options_.save_last == SaveLast::no || last_step_of_last_ == trainer.global_step()) return;
  const fs::path previous = last_model_path_;
  const int64_t step_before = std::exchange(last_step_of_last_, trainer.global_step());
  last_model_path_ = free_name(metrics, options_.names.name_last, previous);
  try {
    const bool is_there = !last_saved_.empty() && last_global_step_saved_ == trainer.global_step();
    if (options_.save_last != SaveLast::link || !is_there || !link_last()) {
      trainer.save_checkpoint(last_model_path_, options_.save_weights_only);
    }
  } catch (...) {
    last_model_path_ = previous;
    last_step_of_last_ = step_before;
    throw;
  }
  is_written(last_model_path_);
  tell_loggers(trainer);
  if (!previous.empty()) remove(trainer, previous, last_model_path_);
}

// false: this file system has no links.
bool ModelCheckpoint::link_last() const {
  std::error_code failed, missing;
  const fs::path temporary = dirpath_ / course::temporary_name();
  const fs::path target = fs::relative(last_saved_, last_model_path_.parent_path(), failed);
  if (!failed) fs::create_symlink(target, temporary, failed);
  if (!failed) fs::rename(temporary, last_model_path_, failed);
  if (failed) fs::remove(temporary, missing);
  return !failed;
}

// What the file says of itself is set before it is written.
void ModelCheckpoint::save_file(Trainer& trainer, const fs::path& path) {
  const fs::path before = std::exchange(last_saved_, path);
  const int64_t step_before = std::exchange(last_global_step_saved_, trainer.global_step());
  try {
    trainer.save_checkpoint(path, options_.save_weights_only);
    is_written(path);
  } catch (...) {
    last_saved_ = before;
    last_global_step_saved_ = step_before;
    throw;
  }
  tell_loggers(trainer);
}

void ModelCheckpoint::tell_loggers(const Trainer& trainer) const {
  if (!trainer.strategy().is_global_zero()) return;
  for (const auto& logger : trainer.loggers()) logger->after_save_checkpoint(*this);
}

void ModelCheckpoint::is_written(const fs::path& path) {
  leftovers_.erase(path.filename().string());
  named_.erase(place_of(path));
}

// A checkpoint may name any file: of those that this run has not written, checkpoints may go.
bool ModelCheckpoint::may_go(const fs::path& path) {
  const auto named = named_.find(place_of(path));
  std::error_code failed;
  if (named == named_.end() || !fs::exists(path, failed)) return true;
  if (std::exchange(named->second, true)) return false;
  if (is_checkpoint_file(path)) {
    named_.erase(named);
    return true;
  }
  warn(fmt::format("{}, which the checkpoint names as its own, is no checkpoint of a run; it stays",
                   course::printable(path.string(), 1'000)));
  return false;
}

void ModelCheckpoint::remove(const Trainer& trainer, const fs::path& previous,
                             const fs::path& current) {
  const fs::path file = place_of(previous);
  if (!is_inside(file, dirpath_) || file == place_of(current) || file == ckpt_path_) return;
  if (!trainer.strategy().is_global_zero() || !may_go(file)) return;
  std::error_code failed;
  fs::remove(file, failed);
  if (failed) warn(fmt::format("{} could not be removed: {}", file.string(), failed.message()));
}

}  // namespace lit
