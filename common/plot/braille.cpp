// Draws lines of dots, solid or in a pattern, and packs them into braille characters.
#include "plot/braille.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace course {
namespace {

// Unicode's bit for each dot of U+2800, by row from the top and column.
constexpr std::array<std::array<unsigned char, 2>, 4> kBits{
    {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};

/// Walks a pattern dot by dot.
class Pen {
 public:
  explicit Pen(const Pattern& pattern) : pattern_(pattern) {}
  /// Whether the next dot is drawn.
  bool next() {
    while (done_ == pattern_[part_]) {
      part_ = (part_ + 1) % pattern_.size();
      done_ = 0;
    }
    ++done_;
    return part_ % 2 == 0;
  }

 private:
  Pattern pattern_;
  std::size_t part_ = 0;
  int done_ = 0;
};

}  // namespace

std::string BrailleCell::text() const {
  if (dots == 0) return " ";
  return {'\xE2', static_cast<char>(0xA0 | (dots >> 6)), static_cast<char>(0x80 | (dots & 0x3F))};
}

BrailleCanvas::BrailleCanvas(int64_t columns, int64_t rows)
    : columns_(columns), rows_(rows), cells_(static_cast<std::size_t>(columns * rows)) {}

const BrailleCell& BrailleCanvas::cell(int64_t row, int64_t column) const {
  return cells_[static_cast<std::size_t>(row * columns_ + column)];
}

void BrailleCanvas::set(int64_t x, int64_t y, std::size_t curve) {
  const int64_t from_top = height() - 1 - y;
  BrailleCell& cell = cells_[static_cast<std::size_t>(from_top / 4 * columns_ + x / 2)];
  cell.dots |= kBits[static_cast<std::size_t>(from_top % 4)][static_cast<std::size_t>(x % 2)];
  cell.curve = curve;
}

void BrailleCanvas::draw(const std::vector<Stroke>& strokes, std::size_t curve,
                         const Pattern& pattern) {
  Pen pen(pattern);
  for (const Stroke& stroke : strokes) {
    int64_t x = dot_of(stroke[0].x, width()), y = dot_of(stroke[0].y, height());
    // A stroke's first dot is drawn whatever the pattern: a lone point must not fall into a gap.
    pen = Pen(pattern);
    if (pen.next()) set(x, y, curve);
    for (std::size_t i = 1; i < stroke.size(); ++i) {
      const int64_t from_x = x, from_y = y;
      const int64_t to_x = dot_of(stroke[i].x, width()), to_y = dot_of(stroke[i].y, height());
      const int64_t steps = std::max(std::abs(to_x - from_x), std::abs(to_y - from_y));
      for (int64_t step = 1; step <= steps; ++step) {
        const double part = static_cast<double>(step) / static_cast<double>(steps);
        x = from_x + std::llround(part * static_cast<double>(to_x - from_x));
        y = from_y + std::llround(part * static_cast<double>(to_y - from_y));
        if (pen.next()) set(x, y, curve);
      }
    }
  }
}

int64_t dot_of(double fraction, int64_t dots) {
  return std::clamp<int64_t>(std::llround(fraction * static_cast<double>(dots - 1)), 0, dots - 1);
}

}  // namespace course
