// The folder of a run among those of other runs: SAVE_DIR/NAME/version_N.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>

namespace lit {

/// Which version of a run a logger writes: nothing for the next one that nobody has, a number for
/// the folder version_N, or a folder's name.
using Version = std::variant<std::monostate, int64_t, std::string>;

/// Finds the folder of a run, and makes it. Lightning's layout.
class RunVersion {
 public:
  /// @param name  "" for SAVE_DIR/version_N
  /// @throws Error for a number below 0
  RunVersion(std::filesystem::path save_dir, std::string name, Version version);

  const std::filesystem::path& save_dir() const { return save_dir_; }
  const std::string& name() const { return name_; }
  std::filesystem::path root_dir() const { return save_dir_ / name_; }

  /// The folder, which is made at the first call and then is this run's alone, unless its version
  /// was given: making it is the test for its number, so that two processes never share one.
  /// @throws Error if it cannot be made, with the reason
  const std::filesystem::path& folder();
  /// The folder's name: "version_0". Makes it, too.
  std::string version() { return folder().filename().string(); }

 private:
  std::filesystem::path save_dir_;
  std::string name_;
  Version wanted_;
  std::filesystem::path folder_ = {};
};

namespace detail {
/// Makes a folder of a run, and those around it. @throws Error if it cannot be made
void make_folder(const std::filesystem::path& folder);
}  // namespace detail

}  // namespace lit
