// ModelCheckpoint: keeps the best states of a run, or the last ones, as files.
#include "lit/callbacks/model_checkpoint.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdlib>
#include <system_error>

#include "lit/core/clock.h"
#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/atomic_file.h"
#include "serialize/python_text.h"

namespace lit {

namespace fs = std::filesystem;

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

// As Python would write the value into the template: whole numbers as such, others with a point.
std::string formatted(const std::string& name, const std::string& spec, const LogValue* value) {
  const bool whole = name == "epoch" || name == "step" || value == nullptr;
  const double number = value == nullptr ? 0 : value->value();
  try {
    if (spec.empty()) {
      if (whole) return fmt::format("{}", static_cast<int64_t>(number));
      return course::python_float(number);
    }
    const std::string pattern = "{:" + spec + "}";
    if (whole && spec.find_first_of("fFeEgG%") == std::string::npos) {
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

// What a killed run has written behind the checkpoint that this one goes on from, it now writes
// again.
bool ModelCheckpoint::is_leftover(const fs::path& path) const {
  if (!resumed_from_ || saved_here_.count(path) != 0 || path == last_model_path_) return false;
  for (const auto& [kept, score] : best_k_models_) {
    if (kept == path) return false;
  }
  std::error_code failed;
  const auto written = fs::last_write_time(path, failed);
  return !failed && written >= *resumed_from_;  // of a clock that ticks every few milliseconds
}

// The first name that nobody has; what is to be replaced by it counts as free.
fs::path ModelCheckpoint::free_name(const Metrics& metrics, const std::string& filename,
                                    const fs::path& replaced) const {
  fs::path path = format_checkpoint_name(metrics, filename);
  if (!options_.enable_version_counter) return path;
  for (int64_t version = STARTING_VERSION;
       fs::exists(path) && path != replaced && !is_leftover(path); ++version) {
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
  return fs::absolute(folder).lexically_normal();
}

std::vector<fs::path> ModelCheckpoint::last_checkpoints(const Trainer& trainer) const {
  std::vector<fs::path> found;
  std::error_code missing;
  for (const auto& entry : fs::directory_iterator(resolve_dirpath(trainer), missing)) {
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
  if (dirpath_.empty()) dirpath_ = resolve_dirpath(trainer);
  std::error_code missing;
  resumed_from_.reset();
  if (stage == "fit" && !trainer.ckpt_path().empty()) {
    const auto written = fs::last_write_time(trainer.ckpt_path(), missing);
    if (!missing) resumed_from_ = written;
  }
  const bool has_files = fs::is_directory(dirpath_, missing) && !fs::is_empty(dirpath_, missing);
  if (stage == "fit" && has_files && options_.save_top_k != 0 && trainer.ckpt_path().empty()) {
    warn(fmt::format("the folder for checkpoints has files already: {}", dirpath_.string()));
  }
}

void ModelCheckpoint::on_train_start(Trainer&, LightningModule&) {
  last_time_checked_ = steady_seconds();
  validated_ = deferred_ = false;
}

bool ModelCheckpoint::nothing_to_save(const Trainer& trainer) const {
  return trainer.fast_dev_run() || trainer.state().fn != TrainerState::Fn::fit ||
         trainer.sanity_checking() || last_global_step_saved_ == trainer.global_step();
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
  if (nothing_to_save(trainer)) return;
  const bool by_steps =
      every_n_train_steps_ > 0 && trainer.global_step() % every_n_train_steps_ == 0;
  const double now = steady_seconds();
  const bool by_time =
      options_.train_time_interval &&
      trainer.strategy().any(now - last_time_checked_ >= options_.train_time_interval->seconds());
  if (!by_steps && !by_time) return;
  if (by_time) last_time_checked_ = now;
  const Metrics metrics = candidates(trainer);
  if (!options_.monitor.empty() && trainer.validation_is_due()) {
    deferred_ = true;  // the metric is about to be known
    return;
  }
  save_top_k(trainer, metrics);
  save_last(trainer, metrics);
}

void ModelCheckpoint::on_validation_end(Trainer& trainer, LightningModule&) {
  if (trainer.state().fn == TrainerState::Fn::fit && !trainer.sanity_checking()) validated_ = true;
  if (nothing_to_save(trainer)) return;
  if (std::exchange(deferred_, false)) {
    const Metrics metrics = candidates(trainer);
    save_top_k(trainer, metrics);
    save_last(trainer, metrics);
  } else if (!saves_on_train_epoch_end(trainer)) {
    save_for_epoch(trainer);
  }
}

void ModelCheckpoint::on_train_epoch_end(Trainer& trainer, LightningModule&) {
  if (!nothing_to_save(trainer) && saves_on_train_epoch_end(trainer)) save_for_epoch(trainer);
}

void ModelCheckpoint::save_for_epoch(Trainer& trainer) {
  const Metrics metrics = candidates(trainer);
  if (every_n_epochs_ > 0 && (trainer.current_epoch() + 1) % every_n_epochs_ == 0) {
    save_top_k(trainer, metrics);
  }
  save_last(trainer, metrics);
}

// A fit that has saved nothing at all leaves its last state at least.
void ModelCheckpoint::on_train_end(Trainer& trainer, LightningModule&) {
  if (options_.save_last == SaveLast::no || nothing_to_save(trainer) || !last_saved_.empty())
    return;
  last_global_step_saved_ = trainer.global_step();
  save_last(trainer, candidates(trainer));
}

// No bookkeeping of the best, and nothing that hides the exception.
void ModelCheckpoint::on_exception(Trainer& trainer, LightningModule&, const std::exception&) {
  if (!options_.save_on_exception || nothing_to_save(trainer)) return;
  try {
    const Metrics metrics = candidates(trainer);
    save(trainer, free_name(metrics, "", {}));
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

void ModelCheckpoint::save_top_k(Trainer& trainer, const Metrics& metrics) {
  if (options_.save_top_k == 0) return;
  if (options_.monitor.empty()) return save_newest(trainer, metrics);
  const auto found = metrics.find(options_.monitor);
  if (found == metrics.end()) {
    std::string known;
    for (const auto& [name, value] : metrics) known += " " + name;
    const std::string text = fmt::format(
        "ModelCheckpoint monitors {}, which was not logged; there are:{}", options_.monitor, known);
    if (validated_) throw Error(text);
    warn(text + "; nothing is saved");
    return;
  }
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
  std::erase_if(best_k_models_, [&](const auto& one) { return one.first == path; });
  best_k_models_.emplace_back(path, current);
  if (best_k_models_.size() == k) {
    const auto* worst = extreme(/*best=*/false);
    kth_best_model_path_ = worst->first;
    kth_value_ = worst->second;
  }
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
  save(trainer, path);
  if (!displaced.empty()) remove(trainer, displaced, path);
}

void ModelCheckpoint::save_newest(Trainer& trainer, const Metrics& metrics) {
  const fs::path replaced = options_.save_top_k == 1 ? best_model_path_ : fs::path();
  best_model_path_ = free_name(metrics, "", replaced);
  save(trainer, best_model_path_);
  if (!replaced.empty()) remove(trainer, replaced, best_model_path_);
}

// Only where something was saved at this very step.
void ModelCheckpoint::save_last(Trainer& trainer, const Metrics& metrics) {
  if (options_.save_last == SaveLast::no || last_global_step_saved_ != trainer.global_step()) {
    return;
  }
  const fs::path previous = last_model_path_;
  last_model_path_ = free_name(metrics, CHECKPOINT_NAME_LAST, previous);
  std::error_code failed;
  const bool links = options_.save_last == SaveLast::link && !last_saved_.empty();
  if (links) {
    const fs::path temporary = last_model_path_.string() + ".tmp";
    fs::remove(temporary, failed);
    fs::create_symlink(fs::relative(last_saved_, last_model_path_.parent_path()), temporary,
                       failed);
    if (!failed) fs::rename(temporary, last_model_path_, failed);
  }
  if (!links || failed) trainer.save_checkpoint(last_model_path_, options_.save_weights_only);
  saved_here_.insert(last_model_path_);
  tell_loggers(trainer);
  if (!previous.empty()) remove(trainer, previous, last_model_path_);
}

// What the file says of itself is settled before it is written.
void ModelCheckpoint::save(Trainer& trainer, const fs::path& path) {
  const fs::path before = std::exchange(last_saved_, path);
  const int64_t step_before = std::exchange(last_global_step_saved_, trainer.global_step());
  try {
    trainer.save_checkpoint(path, options_.save_weights_only);
    saved_here_.insert(path);
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

void ModelCheckpoint::remove(const Trainer& trainer, const fs::path& previous,
                             const fs::path& current) const {
  const auto absolute = [](const fs::path& path) {
    return path.empty() ? path : fs::absolute(path).lexically_normal();
  };
  const fs::path one = absolute(previous);
  const fs::path inside = one.lexically_relative(dirpath_);
  const bool is_ours = !inside.empty() && *inside.begin() != "..";
  if (one == absolute(current) || one == absolute(trainer.ckpt_path()) || !is_ours) return;
  if (!trainer.strategy().is_global_zero()) return;
  std::error_code failed;
  fs::remove(one, failed);
  if (failed) {
    warn(fmt::format("{} could not be removed: {}", one.string(), failed.message()));
  }
}

// --- State ------------------------------------------------------------------------------------

std::string ModelCheckpoint::state_key() const {
  const std::string monitor = options_.monitor.empty() ? "None" : "'" + options_.monitor + "'";
  const std::string interval =
      options_.train_time_interval
          ? fmt::format("datetime.timedelta(seconds={:g})", options_.train_time_interval->seconds())
          : "None";
  return fmt::format(
      "ModelCheckpoint{{'monitor': {}, 'mode': '{}', 'every_n_train_steps': {}, 'every_n_epochs': "
      "{}, 'train_time_interval': {}}}",
      monitor, options_.mode, every_n_train_steps_, every_n_epochs_, interval);
}

course::Dict ModelCheckpoint::state_dict() const {
  const auto score = [](std::optional<double> value) {
    return value ? course::Value(*value) : course::Value();
  };
  course::Dict best_k;
  for (const auto& [path, value] : best_k_models_) best_k.set(path.string(), value);
  return {{"monitor", options_.monitor.empty() ? course::Value() : course::Value(options_.monitor)},
          {"best_model_score", score(best_model_score_)},
          {"best_model_path", best_model_path_.string()},
          {"current_score", score(current_score_)},
          {"dirpath", dirpath_.string()},
          {"best_k_models", best_k},
          {"kth_best_model_path", kth_best_model_path_.string()},
          {"kth_value", kth_value_},
          {"last_model_path", last_model_path_.string()},
          {"last_global_step_saved", last_global_step_saved_},
          {"last_saved", last_saved_.string()}};
}

void ModelCheckpoint::load_state_dict(const course::Dict& state) {
  const auto number = [](const course::Value& value) -> std::optional<double> {
    if (value.is_none()) return std::nullopt;
    return value.is<torch::Tensor>() ? value.as_tensor().item<double>() : value.as_double();
  };
  best_model_path_ = state.at("best_model_path").as_string();
  if (state.at("dirpath").as_string() != dirpath_.string()) {
    warn(fmt::format(
        "the checkpoint was kept in {}, and this run keeps its own in {}; of the former only "
        "best_model_path is taken over",
        state.at("dirpath").as_string(), dirpath_.string()));
    resumed_from_.reset();
    return;
  }
  best_model_score_ = number(state.at("best_model_score"));
  current_score_ = number(state.at("current_score"));
  kth_best_model_path_ = state.at("kth_best_model_path").as_string();
  kth_value_ = number(state.at("kth_value")).value_or(kth_value_);
  last_model_path_ = state.at("last_model_path").as_string();
  best_k_models_.clear();
  for (const auto& [path, value] : state.at("best_k_models").as_dict()) {
    best_k_models_.emplace_back(path.as_string(), number(value).value_or(0));
  }
  if (const course::Value* step = state.find("last_global_step_saved")) {
    last_global_step_saved_ = step->as_int();
    last_saved_ = state.at("last_saved").as_string();
  }
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
