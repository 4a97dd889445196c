// The folder of a run among those of other runs: SAVE_DIR/NAME/version_N.
#include "lit/loggers/run_version.h"

#include <charconv>
#include <system_error>
#include <utility>

#include "lit/error.h"

namespace lit {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "version_";

// One more than the highest number that is there.
int64_t next_version(const fs::path& root) {
  int64_t next = 0;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(root, code)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    int64_t number = -1;
    const char* end = name.data() + name.size();
    const auto [rest, error] = std::from_chars(name.data() + kPrefix.size(), end, number);
    if (error == std::errc() && rest == end && number >= next) next = number + 1;
  }
  return next;
}

}  // namespace

void detail::make_folder(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) {
    throw Error("the run's folder " + folder.string() + " cannot be made: " + code.message() +
                "; give the logger another save_dir");
  }
}

RunVersion::RunVersion(fs::path save_dir, std::string name, Version version)
    : save_dir_(std::move(save_dir)), name_(std::move(name)), wanted_(std::move(version)) {
  const auto* number = std::get_if<int64_t>(&wanted_);
  if (number != nullptr && *number < 0) {
    throw Error("version is " + std::to_string(*number) + ", but must be at least 0");
  }
}

const fs::path& RunVersion::folder() {
  if (!folder_.empty()) return folder_;
  const fs::path root = root_dir();
  if (const auto* number = std::get_if<int64_t>(&wanted_)) {
    folder_ = root / (std::string(kPrefix) + std::to_string(*number));
  } else if (const auto* name = std::get_if<std::string>(&wanted_)) {
    folder_ = root / *name;
  }
  if (!folder_.empty()) {
    detail::make_folder(folder_);
    return folder_;
  }
  if (!root.empty()) detail::make_folder(root);
  for (int64_t number = next_version(root.empty() ? "." : root);; ++number) {
    const fs::path folder = root / (std::string(kPrefix) + std::to_string(number));
    std::error_code code;
    if (fs::create_directory(folder, code)) return folder_ = folder;
    if (code) detail::make_folder(folder);  // throws, with the reason
  }
}

}  // namespace lit
