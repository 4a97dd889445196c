// Turns grey images into text: two pixels a character, in grey half blocks or in block glyphs.
#include "terminal/picture.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <stdexcept>

#include "shape_text.h"
#include "terminal/format.h"

namespace course {
namespace {

constexpr int64_t kGap = 2;
constexpr const char* kUpperHalf = "▀";
constexpr const char* kColorsOff = "\033[0m";

/// What a character shows where there is no colour: the ink in its upper and lower half.
struct Glyph {
  const char* text;
  double upper, lower;
};
// The shades' ink is what fonts mean by them: a quarter, a half and three quarters of the dots.
constexpr std::array<Glyph, 7> kGlyphs{{{" ", 0, 0},
                                        {"░", 0.25, 0.25},
                                        {"▒", 0.5, 0.5},
                                        {"▓", 0.75, 0.75},
                                        {"█", 1, 1},
                                        {"▀", 1, 0},
                                        {"▄", 0, 1}}};

/// The image as [H, W] floats 0..1 on the CPU, no wider than `width`.
torch::Tensor prepared(const torch::Tensor& image, int64_t width) {
  const bool is_bytes = image.defined() && image.scalar_type() == torch::kUInt8;
  if (!image.defined() || image.dim() != 2 || image.numel() == 0 ||
      !(is_bytes || image.is_floating_point())) {
    throw std::invalid_argument(
        "a picture is made from a [height, width] tensor of uint8 or floating point, not from " +
        (image.defined() ? c10::toString(image.scalar_type()) + (" " + shape_text(image.sizes()))
                         : "an undefined one"));
  }
  const torch::NoGradGuard no_grad;
  torch::Tensor pixels = image.detach().to(torch::kCPU, torch::kFloat32);
  if (is_bytes) pixels = pixels / 255;
  pixels = pixels.nan_to_num(0).clamp(0, 1);
  if (pixels.size(1) > width) {
    const int64_t height = std::max<int64_t>(
        1, std::llround(static_cast<double>(pixels.size(0)) * static_cast<double>(width) /
                        static_cast<double>(pixels.size(1))));
    pixels = torch::adaptive_avg_pool2d(pixels.unsqueeze(0), {height, width})[0];
  }
  return pixels.contiguous();
}

/// Compares the share of dots with pixel values as they are: the screen's gamma would be truer to
/// the light, but of a dark coat (values about 0.2) it leaves nothing to be seen.
const char* closest_glyph(double upper, double lower) {
  const auto distance = [&](const Glyph& glyph) {
    return std::pow(glyph.upper - upper, 2) + std::pow(glyph.lower - lower, 2);
  };
  return std::min_element(kGlyphs.begin(), kGlyphs.end(),
                          [&](const Glyph& a, const Glyph& b) { return distance(a) < distance(b); })
      ->text;
}

/// The escape sequence's parameters for a grey: `plane` is 38 (ink) or 48 (paper).
std::string grey(int plane, float pixel, Color color) {
  const std::string prefix = std::to_string(plane);
  const int level = static_cast<int>(std::lround(pixel * 255));
  if (color == Color::truecolor) {
    const std::string text = std::to_string(level);
    return prefix + ";2;" + text + ";" + text + ";" + text;
  }
  // xterm's ramp 232..255 has the levels 8, 18 ... 238; black is 16 and white 231.
  int index = 232 + std::clamp((level - 3) / 10, 0, 23);
  if (level < 4) index = 16;
  if (level > 246) index = 231;
  return prefix + ";5;" + std::to_string(index);
}

std::string painted_line(const torch::Tensor& pixels, int64_t top, Color color) {
  const auto value = pixels.accessor<float, 2>();
  std::string line, last;
  for (int64_t x = 0; x < pixels.size(1); ++x) {
    std::string colors = grey(38, value[top][x], color);
    if (top + 1 < pixels.size(0)) colors += ";" + grey(48, value[top + 1][x], color);
    if (colors != last) line += "\033[" + colors + "m";
    line += kUpperHalf;
    last = colors;
  }
  return line + kColorsOff;
}

std::string plain_line(const torch::Tensor& pixels, int64_t top) {
  const auto value = pixels.accessor<float, 2>();
  std::string line;
  for (int64_t x = 0; x < pixels.size(1); ++x) {
    const float lower = top + 1 < pixels.size(0) ? value[top + 1][x] : 0.0F;
    line += closest_glyph(value[top][x], lower);
  }
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::vector<std::string> lines_of(const torch::Tensor& pixels, Color color) {
  std::vector<std::string> lines;
  for (int64_t top = 0; top < pixels.size(0); top += 2) {
    lines.push_back(color == Color::none ? plain_line(pixels, top)
                                         : painted_line(pixels, top, color));
  }
  return lines;
}

/// One line of a contact sheet, and how many columns of it are taken.
struct SheetLine {
  std::string text;
  int64_t used = 0;

  void put(int64_t column, const std::string& piece, int64_t piece_width) {
    if (piece.empty()) return;
    text += std::string(static_cast<std::size_t>(column - used), ' ') + piece;
    used = column + piece_width;
  }
};

std::vector<std::string> captions_of(const std::string& caption, int64_t width) {
  std::vector<std::string> lines;
  for (std::size_t start = 0; start <= caption.size();) {
    const std::size_t end = std::min(caption.find('\n', start), caption.size());
    std::string line = cut_to_width(std::string_view(caption).substr(start, end - start), width);
    line.erase(line.find_last_not_of(' ') + 1);
    lines.push_back(line);
    start = end + 1;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

/// One picture of a sheet: its lines, their width, and the captions under them.
struct Cell {
  std::vector<std::string> lines, captions;
  int64_t width = 0;
};

std::string sheet_row(const std::vector<Cell>& cells, std::size_t begin, std::size_t end,
                      int64_t column_width, bool colored) {
  std::size_t height = 0, captions = 0;
  for (std::size_t i = begin; i < end; ++i) {
    height = std::max(height, cells[i].lines.size());
    captions = std::max(captions, cells[i].captions.size());
  }
  std::vector<SheetLine> lines(height + captions);
  for (std::size_t i = begin; i < end; ++i) {
    const int64_t column = static_cast<int64_t>(i - begin) * (column_width + kGap);
    for (std::size_t y = 0; y < cells[i].lines.size(); ++y) {
      const std::string& piece = cells[i].lines[y];
      lines[y].put(column, piece, colored ? cells[i].width : display_width(piece));
    }
    for (std::size_t y = 0; y < cells[i].captions.size(); ++y) {
      const std::string& piece = cells[i].captions[y];
      lines[height + y].put(column, piece, display_width(piece));
    }
  }
  std::string text;
  for (const SheetLine& line : lines) text += line.text + '\n';
  return text;
}

}  // namespace

std::vector<std::string> picture(const torch::Tensor& image, const Terminal& terminal) {
  return lines_of(prepared(image, terminal.width), terminal.color);
}

std::string contact_sheet(const std::vector<CaptionedPicture>& pictures, const Terminal& terminal) {
  std::vector<Cell> cells;
  int64_t column_width = 1;
  for (const CaptionedPicture& captioned : pictures) {
    const torch::Tensor pixels = prepared(captioned.image, terminal.width);
    cells.push_back({lines_of(pixels, terminal.color), {}, pixels.size(1)});
    column_width = std::max(column_width, pixels.size(1));
  }
  for (std::size_t i = 0; i < cells.size(); ++i) {
    cells[i].captions = captions_of(pictures[i].caption, column_width);
  }
  const auto per_row = static_cast<std::size_t>(
      std::max<int64_t>(1, (terminal.width + kGap) / (column_width + kGap)));
  std::string text;
  for (std::size_t begin = 0; begin < cells.size(); begin += per_row) {
    const std::size_t end = std::min(begin + per_row, cells.size());
    text += (begin == 0 ? "" : "\n") +
            sheet_row(cells, begin, end, column_width, terminal.color != Color::none);
  }
  return text;
}

}  // namespace course
