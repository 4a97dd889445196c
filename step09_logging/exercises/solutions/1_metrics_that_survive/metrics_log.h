// A CSV file of metrics.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

/// One line for each epoch: epoch,loss,accuracy.
class MetricsLog {
 public:
  /// Begins the file, or goes on with it. @throws std::runtime_error if it cannot be written
  explicit MetricsLog(std::filesystem::path path) : path_(std::move(path)) {
    const bool is_new = !std::filesystem::exists(path_) || std::filesystem::is_empty(path_);
    file_.open(path_, std::ios::app);
    if (is_new) put("epoch,loss,accuracy");
  }

  /// Adds a line, which is in the file afterwards, with all digits.
  /// @throws std::runtime_error with the path if it cannot be written
  void write(int64_t epoch, double loss, double accuracy) {
    put(fmt::format("{},{},{}", epoch, loss, accuracy));
  }

 private:
  void put(const std::string& line) {
    file_ << line << '\n' << std::flush;
    if (!file_) throw std::runtime_error(path_.string() + " cannot be written");
  }

  std::filesystem::path path_;
  std::ofstream file_;
};
