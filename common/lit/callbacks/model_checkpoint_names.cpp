// The files of a ModelCheckpoint: their names, and where they lie.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "lit/callbacks/checkpoint_paths.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/checkpoint.h"
#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "printable.h"
#include "unfinished_file.h"

namespace lit {

namespace fs = std::filesystem;

using detail::real_path;

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

fs::path ModelCheckpoint::format_checkpoint_name(const LoggedMetrics& metrics,
                                                 const std::string& filename,
                                                 int64_t version) const {
  std::string pattern = filename.empty() ? options_.filename : filename;
  if (pattern.empty()) pattern = "{epoch}" + options_.names.join_char + "{step}";
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
    if (options_.auto_insert_metric_name) name += key + options_.names.equals_char;
    name += formatted(key, spec, found == metrics.end() ? nullptr : &found->second);
    at = end + 1;
  }
  if (version > 0) name += options_.names.join_char + "v" + std::to_string(version);
  return dirpath_ / (name + options_.names.file_extension);
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
fs::path ModelCheckpoint::free_name(const LoggedMetrics& metrics, const std::string& filename,
                                    const fs::path& replaced) {
  fs::path path = format_checkpoint_name(metrics, filename);
  if (!options_.enable_version_counter) return path;
  const auto is_free = [&] {
    return !fs::exists(path) || (path == replaced && may_go(path)) ||
           leftovers_.count(path.filename().string()) != 0;
  };
  for (int64_t version = options_.names.starting_version; !is_free(); ++version) {
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
    if (name.rfind(options_.names.name_last, 0) == 0 &&
        path.extension() == options_.names.file_extension) {
      found.push_back(path);
    }
  }
  return found;
}

}  // namespace lit
