// Errors that name the checkpoint they are about.
#pragma once

#include <exception>
#include <filesystem>
#include <string>

#include "lit/error.h"

namespace lit {

/// Returns "PATH cannot be loaded: WHAT". Control characters that `what` quotes from the file are
/// escaped.
std::string about_checkpoint(const std::filesystem::path& path, const std::string& cannot,
                             const std::exception& error);

/// Runs an action that resumes from a checkpoint; its errors name the file, if there is one.
template <typename Action>
void go_on_with(const std::filesystem::path& path, Action&& action) {
  try {
    action();
  } catch (const course::Error& error) {
    if (path.empty()) throw;
    throw Error(about_checkpoint(path, "be resumed", error));
  }
}

}  // namespace lit
