// Images as PNG files.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

namespace course {

/// The bytes of a PNG file.
/// @param image  [H, W] or [C, H, W] with 1 (grey), 3 (RGB) or 4 (RGBA) channels; uint8 (0..255),
///               or floating point (0..1, values outside are clamped); on any device
/// @throws std::invalid_argument for another shape or dtype, or an image without pixels
std::string encode_png(const torch::Tensor& image);

/// Images side by side, `columns` in a row, with `gap` pixels of 0 between them, as one.
/// @param images [N, C, H, W] or [N, H, W]
/// @return [C, rows * (H + gap) - gap, columns * (W + gap) - gap]
/// @throws std::invalid_argument for another shape, no image, or fewer than one column
torch::Tensor image_grid(const torch::Tensor& images, int64_t columns = 8, int64_t gap = 0);

}  // namespace course
