// A data set of small grey images with their labels, in memory: MNIST and its relatives.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "data/find.h"

namespace course {

/// One split, as it is in the files: no scaling, no normalisation.
struct ImageSet {
  /// uint8 [N, 28, 28], 0 is background and 255 is full ink
  torch::Tensor images;
  /// int64 [N], each 0..9
  torch::Tensor labels;
  /// The ten classes, by label: "T-shirt/top" to "Ankle boot" for Fashion-MNIST, "0" to "9" for
  /// MNIST, "class 0" to "class 9" for a set that is not known.
  std::vector<std::string> class_names;
  /// "Fashion-MNIST" or "MNIST", with " (sample)" behind it if there are fewer images than were
  /// published, or "unknown set". Known sets are told by their first ten labels.
  std::string name;
};

/// Reads and checks one split.
/// @throws Error if a file is missing or bad (see read_idx_images), the images are not 28 x 28,
/// there
///         are more or fewer labels than images, or a label is above 9
ImageSet load_image_set(const DataLocation& location, Split split);

}  // namespace course
