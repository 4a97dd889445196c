// Curves over a common x axis, as text for the terminal or as an SVG picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "terminal/terminal.h"

namespace course {

/// Points (x[i], y[i]) joined in their order. A point with a NaN or an infinity in it is left out
/// and breaks the line, as is one with y <= 0 on a logarithmic axis and one beyond 1e300.
struct Curve {
  std::string name;
  std::vector<double> x;
  std::vector<double> y;
};

/// A vertical dotted line with a short text above it, such as "best"; not drawn where `x` is
/// outside what the curves span.
struct Mark {
  double x;
  std::string text;
};

/// What to draw:
///
///     Plot plot{.title = "Learning curves", .x_label = "epoch", .y_label = "loss"};
///     plot.curves.push_back({"train", epochs, train_loss});
///     plot.curves.push_back({"validation", epochs, validation_loss});
///     std::cout << draw_curves(plot);
///     std::ofstream("loss.svg") << svg_curves(plot);
///
/// The axes span the points that are drawn, no more; an axis on which they all agree spans a range
/// around them. Where all x are whole numbers, so are the numbers under the axis. All texts are
/// UTF-8; control characters in them become spaces.
struct Plot {
  std::string title = "";  // initialized, so that any of these can be left out
  std::string x_label = "";
  std::string y_label = "";
  std::vector<Curve> curves = {};
  std::vector<Mark> marks = {};
  bool log_y = false;
};

/// The plot in braille dots: title, frame with numbers, x label and legend. It is as wide as the
/// terminal, but from 10 to 100 columns; each line ends with '\n', none with a space. With colour
/// each curve has its own (a cell that two curves share has the later one's); without, its own
/// pattern of dots and dashes. There are six of each: of more curves some look alike without
/// colour.
/// @param height rows inside the frame, at least 1
/// @throws std::invalid_argument when x and y of a curve differ in length, or for a height below 1
std::string draw_curves(const Plot& plot, const Terminal& terminal = standard_output(),
                        int64_t height = 16);

/// The plot as an SVG document of 760 x 420 that needs nothing else, on a white ground: each
/// curve's name stands at its right end, and its points are circled if there are at most 60.
/// @throws std::invalid_argument when x and y of a curve differ in length
std::string svg_curves(const Plot& plot);

}  // namespace course
