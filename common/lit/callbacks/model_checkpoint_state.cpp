// What a checkpoint keeps of a ModelCheckpoint.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <system_error>

#include "lit/callbacks/checkpoint_paths.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/checkpoint.h"
#include "lit/core/messages.h"
#include "lit/error.h"
#include "printable.h"
#include "serialize/atomic_file.h"
#include "serialize/checked.h"
#include "serialize/python_text.h"

namespace lit {

namespace fs = std::filesystem;

using detail::is_inside;
using detail::is_same_folder;
using detail::place_of;

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
      monitor, options_.mode.word(), every_n_train_steps_, every_n_epochs_, interval);
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
