// Paths of checkpoints, compared by the places they name.
#pragma once

#include <filesystem>
#include <system_error>

namespace lit::detail {

// Without links and dots, as far as it exists: one name for one place, however it is spelled.
inline std::filesystem::path real_path(const std::filesystem::path& path) {
  std::error_code failed;
  const std::filesystem::path found =
      std::filesystem::weakly_canonical(std::filesystem::absolute(path), failed);
  const std::filesystem::path real =
      failed ? std::filesystem::absolute(path).lexically_normal() : found;
  return real.has_filename() ? real : real.parent_path();  // no slash at its end
}

// The same for a file, which may be a link itself.
inline std::filesystem::path place_of(const std::filesystem::path& file) {
  return file.empty() ? file
                      : real_path(std::filesystem::absolute(file).parent_path()) / file.filename();
}

inline bool is_same_folder(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code missing;
  if (a.empty() || b.empty()) return a == b;
  return real_path(a) == real_path(b) || std::filesystem::equivalent(a, b, missing);
}

inline bool is_inside(const std::filesystem::path& path, const std::filesystem::path& folder) {
  const std::filesystem::path inside = path.lexically_relative(folder);
  return !inside.empty() && *inside.begin() != "..";
}

}  // namespace lit::detail
