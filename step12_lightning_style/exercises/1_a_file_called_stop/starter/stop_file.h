// A callback that ends a run when a file appears.
#pragma once

#include <filesystem>

#include "lit/trainer.h"

class StopFile : public lit::Callback {
 public:
  explicit StopFile(std::filesystem::path path) : path_(std::move(path)) {}

  // TODO(1), TODO(2), TODO(3): which hooks?

 private:
  std::filesystem::path path_;
};
