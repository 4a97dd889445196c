// Grey images as text: half blocks in grey, or block glyphs where there is no colour.
#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "terminal/terminal.h"

namespace course {

/// The lines of a picture, without line ends: W columns wide and ceil(H / 2) lines high, because a
/// character is about twice as high as it is wide. A picture wider than the terminal is shrunk by
/// averaging. With colour each character is the half block U+2580, its upper and lower half in the
/// grey of one pixel; without, it is the glyph of " ░▒▓█▀▄" closest to the two, bright pixels drawn
/// in ink. No line ends in a space or with a colour left on.
/// @param image [H, W], uint8 (0..255) or floating point (0..1, values outside are clamped), on any
/// device
/// @throws std::invalid_argument for another shape or dtype, or an image without pixels
std::vector<std::string> picture(const torch::Tensor& image,
                                 const Terminal& terminal = standard_output());

/// An image as picture() takes it, and the text under it ('\n' starts another line).
struct CaptionedPicture {
  torch::Tensor image;
  std::string caption;
};

/// Pictures side by side, as many in a row as the terminal is wide, two columns apart, each with
/// its caption under it; a caption wider than the picture is cut, its last column then being "…".
/// Every line ends with '\n', rows have an empty line between them.
/// @throws what picture() throws
std::string contact_sheet(const std::vector<CaptionedPicture>& pictures,
                          const Terminal& terminal = standard_output());

}  // namespace course
