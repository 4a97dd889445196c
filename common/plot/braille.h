// A canvas of dots, eight in a character: 2 wide and 4 high, as braille has them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "plot/layout.h"

namespace course {

/// The dots of one character, and the curve that drew there last.
struct BrailleCell {
  unsigned char dots = 0;
  std::size_t curve = 0;

  /// U+2800 and the dots, or a space where there are none.
  std::string text() const;
};

/// Dots are counted from the lower left one, (0, 0).
class BrailleCanvas {
 public:
  BrailleCanvas(int64_t columns, int64_t rows);

  /// Dots in a row, and in a column.
  int64_t width() const { return 2 * columns_; }
  int64_t height() const { return 4 * rows_; }
  /// `row` 0 is the top one, as characters are written.
  const BrailleCell& cell(int64_t row, int64_t column) const;

  /// Draws the strokes of a curve in its pattern, each from dot to nearest dot.
  void draw(const std::vector<Stroke>& strokes, std::size_t curve, const Pattern& pattern);

 private:
  void set(int64_t x, int64_t y, std::size_t curve);

  int64_t columns_, rows_;
  std::vector<BrailleCell> cells_;
};

/// The dot that a fraction of an axis of `dots` dots falls on.
int64_t dot_of(double fraction, int64_t dots);

}  // namespace course
