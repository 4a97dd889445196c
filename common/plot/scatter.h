// Points of several groups, as text for the terminal or as an SVG picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "terminal/terminal.h"

namespace course {

/// Points (x[i], y[i]), each of the group groups[i], an index into `names`. A point with a NaN or
/// an infinity in it is left out.
struct Scatter {
  std::string title = "";
  std::string x_label = "";
  std::string y_label = "";
  std::vector<double> x = {};
  std::vector<double> y = {};
  std::vector<int64_t> groups = {};
  std::vector<std::string> names = {};
};

/// As characters: a cell shows the group that most of its points are of, as a digit or letter, and
/// in the group's colour where there are colours; blank where no point is. Below it the axes'
/// ranges, and what stands for which group. As wide as the terminal, but from 20 to 100 columns.
/// @param height rows inside the frame, at least 1
/// @throws std::invalid_argument when x, y and groups differ in length, for a group that has no
/// name or more than 36 of them, or for a height below 1
std::string draw_scatter(const Scatter& scatter, const Terminal& terminal = standard_output(),
                         int64_t height = 24);

/// Panels side by side with one legend, as an SVG document that needs nothing else, on a white
/// ground. Title and names are the first panel's. Of more than 4,000 points in a panel at most so
/// many are drawn, evenly picked: the file stays small.
/// @throws std::invalid_argument as above, or without a panel
std::string svg_scatter(const std::vector<Scatter>& panels);

}  // namespace course
