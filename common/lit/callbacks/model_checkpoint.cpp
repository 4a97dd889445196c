// ModelCheckpoint: keeps the best states of a run, or the last ones, as files.
#include "lit/callbacks/model_checkpoint.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

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

namespace {

// Without links and dots, as far as it exists: one name for one place, however it is spelled.
fs::path real_path(const fs::path& path) {
  std::error_code failed;
  const fs::path found = fs::weakly_canonical(fs::absolute(path), failed);
  const fs::path real = failed ? fs::absolute(path).lexically_normal() : found;
  return real.has_filename() ? real : real.parent_path();  // no slash at its end
}

// The same for a file, which may be a link itself.
fs::path place_of(const fs::path& file) {
  return file.empty() ? file : real_path(fs::absolute(file).parent_path()) / file.filename();
}

bool is_same_folder(const fs::path& a, const fs::path& b) {
  std::error_code missing;
  if (a.empty() || b.empty()) return a == b;
  return real_path(a) == real_path(b) || fs::equivalent(a, b, missing);
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  const fs::path inside = path.lexically_relative(folder);
  return !inside.empty() && *inside.begin() != "..";
}

}  // namespace

ModelCheckpoint::ModelCheckpoint(Options options)
    : options_(std::move(options)),
      kth_value_(std::numeric_limits<double>::infinity() * (options_.mode == "min" ? 1 : -1)) {
  if (options_.save_top_k < -1) {
    throw Error(fmt::format(
        "save_top_k of ModelCheckpoint is {}, but must be -1 (all), 0 (none) or a number to keep",
        options_.save_top_k));
  }
  if (options_.mode != "min" && options_.mode != "max") {
    throw Error(
        fmt::format("mode of ModelCheckpoint is \"{}\", but must be min or max", options_.mode));
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

// --- Names ------------------------------------------------------------------------------------

namespace {

bool is_whole(double number) {
  return number == std::floor(number) && std::abs(number) < 0x1p62;
}

// As Python would write the value into the template: whole numbers as such, others with a point. A
// format for whole numbers takes every value that is one: all that is logged are floating-point
// numbers.
std::string formatted(const std::string& name, const std::string& spec, const LogValue* value) {
  const double number = value == nullptr ? 0 : value->value();
  const bool counts = (name == "epoch" || name == "step" || value == nullptr) && is_whole(number);
  try {
    if (spec.empty()) {
      if (counts) return fmt::format("{}", static_cast<int64_t>(number));
      return course::python_float(number);
    }
    const std::string pattern = "{:" + spec + "}";
    const bool for_whole = std::string("bBcdoxX").find(spec.back()) != std::string::npos;
    const bool for_any = spec.find_first_of("fFeEgG%") == std::string::npos;
    if ((counts && for_any) || (for_whole && is_whole(number))) {
      return fmt::format(fmt::runtime(pattern), static_cast<int64_t>(number));
    }
    return fmt::format(fmt::runtime(pattern), number);
  } catch (const fmt::format_error&) {
    throw Error(fmt::format(
        "filename of ModelCheckpoint has {{{}:{}}}, which is no format for a number; use one like "
        "{{{}:.2f}}",
        name, spec, name));
  }
}

}  // namespace

fs::path ModelCheckpoint::format_checkpoint_name(const Metrics& metrics,
                                                 const std::string& filename,
                                                 int64_t version) const {
  std::string pattern = filename.empty() ? options_.filename : filename;
  if (pattern.empty()) pattern = "{epoch}" + CHECKPOINT_JOIN_CHAR + "{step}";
  std::string name;
  for (size_t at = 0; at < pattern.size();) {
    if (pattern[at] != '{') {
      name += pattern[at++];
      continue;
    }
    const size_t end = pattern.find('}', at);
    if (end == std::string::npos) {
      throw Error(
          fmt::format("filename of ModelCheckpoint is \"{}\", where a {{ is not closed", pattern));
    }
    const std::string inside = pattern.substr(at + 1, end - at - 1);
    const size_t colon = inside.find(':');
    const std::string key = inside.substr(0, colon);
    const std::string spec = colon == std::string::npos ? "" : inside.substr(colon + 1);
    const auto found = metrics.find(key);
    if (options_.auto_insert_metric_name) name += key + CHECKPOINT_EQUALS_CHAR;
    name += formatted(key, spec, found == metrics.end() ? nullptr : &found->second);
    at = end + 1;
  }
  if (version > 0) name += CHECKPOINT_JOIN_CHAR + "v" + std::to_string(version);
  return dirpath_ / (name + FILE_EXTENSION);
}

// Files newer than the resumed checkpoint are leftovers of a killed run, which this run writes
// again: they may be overwritten. Those that the checkpoint lists are not.
void ModelCheckpoint::find_leftovers(const Trainer& trainer) {
  leftovers_.clear();
  std::error_code failed;
  const auto resumed_from = fs::last_write_time(trainer.ckpt_path(), failed);
  if (failed) return;
  for (const auto& entry : fs::directory_iterator(dirpath_, failed)) {
    const auto written = fs::last_write_time(entry.path(), failed);
    // Not older: the clock of files ticks every few milliseconds.
    if (!failed && written >= resumed_from) leftovers_.insert(entry.path().filename().string());
  }
  leftovers_.erase(last_model_path_.filename().string());
  for (const auto& [kept, score] : best_k_models_) leftovers_.erase(kept.filename().string());
}

// The first name that nobody has; what is to be replaced by it counts as free, if it may go.
fs::path ModelCheckpoint::free_name(const Metrics& metrics, const std::string& filename,
                                    const fs::path& replaced) {
  fs::path path = format_checkpoint_name(metrics, filename);
  if (!options_.enable_version_counter) return path;
  const auto is_free = [&] {
    return !fs::exists(path) || (path == replaced && may_go(path)) ||
           leftovers_.count(path.filename().string()) != 0;
  };
  for (int64_t version = STARTING_VERSION; !is_free(); ++version) {
    path = format_checkpoint_name(metrics, filename, version);
  }
  return path;
}

fs::path ModelCheckpoint::resolve_dirpath(const Trainer& trainer) const {
  const Logger* logger = trainer.logger();
  fs::path folder = options_.dirpath;
  if (folder.empty() && logger != nullptr && !logger->root_dir().empty()) {
    folder = fs::path(logger->root_dir()) / logger->version() / "checkpoints";
  } else if (folder.empty()) {
    folder = trainer.log_dir() / "checkpoints";
  }
  return folder;
}

std::vector<fs::path> ModelCheckpoint::last_checkpoints(const Trainer& trainer) const {
  std::vector<fs::path> found;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(real_path(resolve_dirpath(trainer)), missing)) {
    const fs::path& path = entry.path();
    const std::string name = path.filename().string();
    if (name.rfind(CHECKPOINT_NAME_LAST, 0) == 0 && path.extension() == FILE_EXTENSION) {
      found.push_back(path);
    }
  }
  return found;
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
  const Metrics metrics = candidates(trainer);
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
    const Metrics metrics = candidates(trainer);
    deferred_ = metrics.count(options_.monitor) == 0;  // it may come with the epoch's end
    deferred_ ? save_last(trainer, metrics) : save(trainer, metrics);
  } else if (!saves_on_train_epoch_end(trainer)) {
    save_for_epoch(trainer);
  }
}

void ModelCheckpoint::on_train_epoch_end(Trainer& trainer, LightningModule&) {
  if (saves_nothing(trainer)) return;
  if (deferred_) {
    const Metrics metrics = candidates(trainer);
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
    const Metrics metrics = candidates(trainer);
    save_file(trainer, free_name(metrics, "", {}));
    save_last(trainer, metrics);
  } catch (const std::exception& error) {
    warn(fmt::format("no checkpoint could be saved: {}", error.what()));
  }
}

// --- What -------------------------------------------------------------------------------------

Metrics ModelCheckpoint::candidates(Trainer& trainer) const {
  Metrics metrics = trainer.callback_metrics();
  metrics.emplace("epoch", trainer.current_epoch());
  metrics.emplace("step", trainer.global_step());
  return metrics;
}

void ModelCheckpoint::save(Trainer& trainer, const Metrics& metrics) {
  if (last_global_step_saved_ != trainer.global_step()) save_top_k(trainer, metrics);
  save_last(trainer, metrics);
}

// A validation has been, so that the metric would be there if anybody logged it.
void ModelCheckpoint::refuse_monitor(const Metrics& metrics) const {
  std::string known;
  for (const auto& [name, value] : metrics) known += " " + name;
  const std::string text = fmt::format(
      "ModelCheckpoint monitors {}, which was not logged; there are:{}", options_.monitor, known);
  if (validated_) throw Error(text);
  warn(text + "; the best cannot be told");
}

void ModelCheckpoint::save_top_k(Trainer& trainer, const Metrics& metrics) {
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

void ModelCheckpoint::save_monitored(Trainer& trainer, const Metrics& metrics, double current) {
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

void ModelCheckpoint::save_newest(Trainer& trainer, const Metrics& metrics) {
  const fs::path previous =
      std::exchange(best_model_path_, free_name(metrics, "", best_model_path_));
  save_file(trainer, best_model_path_);
  if (options_.save_top_k == 1 && !previous.empty()) remove(trainer, previous, best_model_path_);
}

// Whenever there is an opportunity to save, whatever the metric: the last state is the one to go on
// from. Lightning writes it only together with another file. What the file says of itself is set
// before it is written, as in save_file.
void ModelCheckpoint::save_last(Trainer& trainer, const Metrics& metrics) {
  if (options_.save_last == SaveLast::no || last_step_of_last_ == trainer.global_step()) return;
  const fs::path previous = last_model_path_;
  const int64_t step_before = std::exchange(last_step_of_last_, trainer.global_step());
  last_model_path_ = free_name(metrics, CHECKPOINT_NAME_LAST, previous);
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

// --- State ------------------------------------------------------------------------------------

namespace {

// "datetime.timedelta(days=1, seconds=30)", as Python's repr() has it.
std::string python_timedelta(double seconds) {
  constexpr int64_t kSecond = 1'000'000, kDay = 86'400 * kSecond;
  const auto all = static_cast<int64_t>(std::nearbyint(seconds * kSecond));
  std::string text;
  const auto part = [&](const char* name, int64_t value) {
    if (value != 0) text += fmt::format("{}{}={}", text.empty() ? "" : ", ", name, value);
  };
  part("days", all / kDay);
  part("seconds", all % kDay / kSecond);
  part("microseconds", all % kSecond);
  return fmt::format("datetime.timedelta({})", text.empty() ? "0" : text);
}

}  // namespace

std::string ModelCheckpoint::state_key() const {
  const std::string monitor = options_.monitor.empty() ? "None" : "'" + options_.monitor + "'";
  const std::string interval = options_.train_time_interval
                                   ? python_timedelta(options_.train_time_interval->seconds())
                                   : "None";
  return fmt::format(
      "ModelCheckpoint{{'monitor': {}, 'mode': '{}', 'every_n_train_steps': {}, 'every_n_epochs': "
      "{}, 'train_time_interval': {}}}",
      monitor, options_.mode, every_n_train_steps_, every_n_epochs_, interval);
}

course::Dict ModelCheckpoint::state_dict() const {
  const auto tensor = [](double value) { return torch::scalar_tensor(value, torch::kFloat64); };
  const auto score = [&](std::optional<double> value) {
    return value ? course::Value(tensor(*value)) : course::Value();
  };
  // In one storage, and so in one record of the file, however many they are.
  std::vector<double> scores;
  for (const auto& [path, value] : best_k_models_) scores.push_back(value);
  const torch::Tensor all = torch::tensor(scores, torch::kFloat64);
  course::Dict best_k;
  for (size_t i = 0; i < scores.size(); ++i) {
    best_k.set(best_k_models_[i].first.string(), all[static_cast<int64_t>(i)]);
  }
  return {{"monitor", options_.monitor.empty() ? course::Value() : course::Value(options_.monitor)},
          {"best_model_score", score(best_model_score_)},
          {"best_model_path", best_model_path_.string()},
          {"current_score", score(current_score_)},
          {"dirpath", dirpath_in_python_.string()},
          {"best_k_models", best_k},
          {"kth_best_model_path", kth_best_model_path_.string()},
          {"kth_value", tensor(kth_value_)},
          {"last_model_path", last_model_path_.string()},
          {"last_global_step_saved", last_global_step_saved_},
          {"last_step_of_last", last_step_of_last_},
          {"deferred", deferred_},
          {"last_saved", last_saved_.string()}};
}

// Was the folder renamed or copied, perhaps with a run's folder around it? Then the checkpoint that
// was read lies in the new one, too.
bool ModelCheckpoint::has_moved_from(const fs::path& saved) const {
  if (saved.empty() || ckpt_path_.empty()) return false;
  fs::path before = saved, now = dirpath_;
  while (before.has_filename() && before.filename() == now.filename()) {
    before = before.parent_path();
    now = now.parent_path();
  }
  return is_inside(ckpt_path_, now);
}

void ModelCheckpoint::load_state_dict(const course::Dict& state) {
  const auto score = [&](const char* key) -> std::optional<double> {
    if (state.find(key) == nullptr || state.at(key).is_none()) return std::nullopt;
    return course::number(state, key, course::kAnyScore);
  };
  named_.clear();
  const auto path_in = [&](const course::Value& value, const std::string& name) {
    const std::string& text = course::text(value, name);
    if (text.find('\0') != std::string::npos) throw Error(name + " is no path of a file");
    if (!text.empty()) named_[place_of(text)] = false;
    return fs::path(text);
  };
  const auto path_at = [&](const char* key) { return path_in(state.at(key), key); };
  const auto path_or_none = [&](const char* key) {
    return state.find(key) == nullptr ? fs::path() : path_at(key);
  };
  const fs::path saved = state.find("dirpath") == nullptr ? dirpath_ : path_at("dirpath");
  const bool moved = !is_same_folder(saved, dirpath_) && has_moved_from(saved);
  same_folder_ = moved || is_same_folder(saved, dirpath_);
  // Where a file lies now; "": it did not come along.
  const auto now = [&](const fs::path& path) {
    if (!moved || !is_inside(path, saved)) return path;
    const fs::path here = dirpath_ / path.lexically_relative(saved);
    named_[place_of(here)] = false;
    std::error_code failed;
    return fs::exists(here, failed) ? here : fs::path();
  };
  // Lightning's older versions kept less.
  best_k_models_.clear();
  const course::Dict best_k = state.find("best_k_models") == nullptr
                                  ? course::Dict()
                                  : course::dict(state, "best_k_models");
  for (const auto& [key, value] : best_k) {
    const fs::path here = now(path_in(key, "a key of best_k_models"));
    const double number = course::number(value, "a score of best_k_models", course::kAnyScore);
    if (!here.empty()) best_k_models_.emplace_back(here, number);
  }
  if (moved && best_k_models_.empty() && best_k.size() > 0) {
    same_folder_ = false;  // the checkpoint alone was copied
  }
  if (!same_folder_) {
    warn(fmt::format(
        "the checkpoint was kept in {}, and this run keeps its own in {}; of the former only "
        "best_model_path is taken over",
        course::printable(saved.string(), 1'000), dirpath_.string()));
    best_model_path_ = path_at("best_model_path");
    best_k_models_.clear();
    return;
  }
  best_model_path_ = now(path_at("best_model_path"));
  best_model_score_ = score("best_model_score");
  current_score_ = score("current_score");
  kth_best_model_path_ = now(path_or_none("kth_best_model_path"));
  kth_value_ = score("kth_value").value_or(kth_value_);
  last_model_path_ = now(path_or_none("last_model_path"));
  if (state.find("last_global_step_saved") != nullptr) {
    last_global_step_saved_ = course::whole(state, "last_global_step_saved");
    last_saved_ = now(path_at("last_saved"));
    last_step_of_last_ = last_global_step_saved_;
  }
  if (state.find("last_step_of_last") != nullptr) {
    last_step_of_last_ = course::whole(state, "last_step_of_last");
    deferred_ = course::flag(state, "deferred");
  }
  keep_at_most_k();
}

// A save_top_k that is less than it was: files beyond it stay, but are no longer counted.
void ModelCheckpoint::keep_at_most_k() {
  if (options_.monitor.empty() || options_.save_top_k < 1) return;
  const auto k = static_cast<size_t>(options_.save_top_k);
  while (best_k_models_.size() > k) {
    const fs::path worst = extreme(/*best=*/false)->first;
    std::erase_if(best_k_models_, [&](const auto& one) { return one.first == worst; });
  }
  if (best_k_models_.size() < k) return;
  const auto* worst = extreme(/*best=*/false);
  kth_best_model_path_ = worst->first;
  kth_value_ = worst->second;
}

void ModelCheckpoint::to_yaml(fs::path path) const {
  if (path.empty()) path = dirpath_ / "best_k_models.yaml";
  std::string text;
  for (const auto& [file, score] : best_k_models_) {
    text += fmt::format("{}: {}\n", file.string(), score);
  }
  course::write_text_atomically(path, text);
}

}  // namespace lit
