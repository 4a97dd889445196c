// SummaryWriter: what TensorBoard shows, written by hand.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "lit/loggers/event_file.h"
#include "serialize/value.h"

namespace lit {

/// PyTorch's SummaryWriter: the same methods, tags and contents. What is added waits for flush(),
/// or for a megabyte of it. It is for one thread.
class SummaryWriter {
 public:
  /// @param log_dir  made when something is written
  explicit SummaryWriter(std::filesystem::path log_dir);

  /// A point of a curve; TensorBoard keeps it as a float32.
  void add_scalar(const std::string& tag, double value, int64_t step = 0);
  /// Points of several curves in one chart: each in a run of its own, the folder MAIN_TAG_TAG.
  void add_scalars(const std::string& main_tag, const std::map<std::string, double>& values,
                   int64_t step = 0);
  /// @param image  [H, W] or [C, H, W]: what course::encode_png() takes, and throws for
  void add_image(const std::string& tag, const torch::Tensor& image, int64_t step = 0);
  /// Several as one, eight in a row. @param images [N, C, H, W] or [N, H, W]
  void add_images(const std::string& tag, const torch::Tensor& images, int64_t step = 0);
  /// How the values of a tensor are spread, in the 1,549 buckets of TensorBoard's default, which
  /// grow by a tenth from 1e-12 on. Values that are not finite are left out; without any other,
  /// nothing is written.
  void add_histogram(const std::string& tag, const torch::Tensor& values, int64_t step = 0);
  /// Markdown; under the tag TAG/text_summary.
  void add_text(const std::string& tag, const std::string& text, int64_t step = 0);
  /// A row of the table of runs: hyperparameters (numbers, bools and strings; all else as a string)
  /// and the names of the scalars that are its results.
  void add_hparams(const course::Dict& hparams, const std::map<std::string, double>& metrics);

  /// @throws Error if something cannot be written
  void flush();

  const std::filesystem::path& log_dir() const { return log_dir_; }
  /// The event file that the run has.
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  std::filesystem::path log_dir_;
  EventFile file_;
  std::map<std::string, std::unique_ptr<EventFile>> charts_;  // of add_scalars()
};

}  // namespace lit
