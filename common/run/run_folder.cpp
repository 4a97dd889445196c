// A folder for each run, that no other run ever gets.
#include "run/run_folder.h"

#include <cstdlib>
#include <ctime>
#include <system_error>

#include "error.h"
#include "unfinished_file.h"

namespace course {
namespace {

namespace fs = std::filesystem;

std::string local_time() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  localtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d_%H-%M-%S", &parts);
  return text;
}

[[noreturn]] void refuse(const fs::path& folder, const std::error_code& code,
                         const std::string& option) {
  throw Error("the run folder " + folder.string() + " cannot be made: " + code.message() +
              "; name another place with " + option + " or $COURSE_RUNS");
}

// A convenience: a file system without links, or a file of that name, must not stop a run.
void point_latest_to(const fs::path& folder) {
  std::error_code ignored;
  const fs::path link = folder.parent_path() / "latest";
  if (fs::exists(fs::symlink_status(link, ignored)) && !fs::is_symlink(link, ignored)) return;
  const fs::path fresh = folder.parent_path() / temporary_name();
  fs::create_directory_symlink(folder.filename(), fresh, ignored);
  if (!ignored) fs::rename(fresh, link, ignored);
  if (ignored) fs::remove(fresh, ignored);
}

}  // namespace

fs::path runs_folder(const std::string& run_dir) {
  if (!run_dir.empty()) return run_dir;
  const char* environment = std::getenv("COURSE_RUNS");
  return environment != nullptr && *environment != '\0' ? environment : "runs";
}

fs::path make_run_folder(const fs::path& parent, const std::string& option) {
  std::error_code code;
  fs::create_directories(parent, code);
  if (code) refuse(parent, code, option);
  const std::string name = local_time();
  for (int number = 1;; ++number) {
    const fs::path folder = parent / (number == 1 ? name : name + "-" + std::to_string(number));
    if (fs::create_directory(folder, code)) {
      point_latest_to(folder);
      return folder;
    }
    if (code) refuse(folder, code, option);
    if (!fs::is_directory(folder)) {
      refuse(folder, std::make_error_code(std::errc::file_exists), option);
    }
  }
}

}  // namespace course
