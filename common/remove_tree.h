// For tests and checks: removes a folder with all that is in it.
#pragma once

#include <filesystem>
#include <vector>

namespace course {

/// What std::filesystem::remove_all() does, which crashes in programs whose libtorch brings a copy
/// of its own (cmake/CourseBorders.cmake). Links are removed, not followed; nothing there is fine.
/// @throws std::filesystem::filesystem_error if something cannot be removed
inline void remove_tree(const std::filesystem::path& tree) {
  namespace fs = std::filesystem;
  std::vector<fs::path> found{tree};
  if (fs::is_directory(fs::symlink_status(tree))) {
    for (const auto& entry : fs::recursive_directory_iterator(tree)) found.push_back(entry.path());
  }
  for (auto path = found.rbegin(); path != found.rend(); ++path) fs::remove(*path);
}

}  // namespace course
