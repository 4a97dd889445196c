// What the terminal and the SVG share of a plot: axes, points, looks of curves, places of labels.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plot/curves.h"
#include "plot/scale.h"
#include "terminal/terminal.h"

namespace course {

/// A place in the frame: (0, 0) is its lower left corner, (1, 1) the upper right one.
struct Point {
  double x, y;
};

/// Points to join; a single one is drawn as a point.
using Stroke = std::vector<Point>;

/// A plot's axes, and the strokes that each of its curves consists of.
struct Layout {
  Scale x, y;
  std::vector<std::vector<Stroke>> curves;
  bool empty;  ///< no curve has a point; the axes mean nothing
};

/// @throws std::invalid_argument when x and y of a curve differ in length
Layout lay_out(const Plot& plot);

/// The marks within the x axis.
std::vector<Mark> visible_marks(const Plot& plot, const Layout& layout);

/// A curve's colour, and the one of xterm's 256 that comes close.
struct Ink {
  int red, green, blue;
  int ansi256;
};

/// The palette of Okabe and Ito, which people see apart whatever their colour vision, without its
/// black and yellow: those vanish on dark and on light grounds. (jfly.uni-koeln.de/color)
inline constexpr std::array<Ink, 6> kInks{{{0x00, 0x72, 0xB2, 25},
                                           {0xE6, 0x9F, 0x00, 178},
                                           {0x00, 0x9E, 0x73, 36},
                                           {0xCC, 0x79, 0xA7, 175},
                                           {0xD5, 0x5E, 0x00, 166},
                                           {0x56, 0xB4, 0xE9, 74}}};

/// Dots drawn and dots left out, in turn; a solid line begins with 1, 0.
using Pattern = std::array<int, 4>;
inline constexpr std::array<Pattern, 6> kPatterns{
    {{1, 0, 1, 0}, {4, 2, 4, 2}, {1, 3, 1, 3}, {6, 2, 2, 2}, {10, 2, 10, 2}, {1, 5, 1, 5}}};

/// The escape sequence that turns the colour on. `color` is not none.
std::string color_on(const Ink& ink, Color color);

/// How the curve of this index is told from the others: by colour, and after six of them by
/// pattern as well; without colour by pattern only.
struct Look {
  Ink ink;
  Pattern pattern;
};
Look look_of(std::size_t curve, bool colored);

/// A curve's name for a reader, in at most `width` columns: says so if it has no points.
std::string name_of(const Curve& curve, const std::vector<Stroke>& strokes, int64_t width);

/// The text on one line: control characters become spaces, those at the end are removed.
std::string one_line(std::string_view text);

/// Moves positions apart until any two differ by `gap`, all of them within [least, most] and in
/// their order, as little as possible (in squares). What does not fit is spaced evenly.
std::vector<double> spread_apart(const std::vector<double>& wanted, double gap, double least,
                                 double most);

/// A stretch of a line of text.
struct Extent {
  double begin, end;
};

/// A row for each of the labels, 0 being the first, so that labels in a row are `gap` apart.
std::vector<int64_t> stacked_rows(const std::vector<Extent>& labels, double gap);

}  // namespace course
