// Points of several groups: a cell of text for each place, or a dot for each point.
#include "plot/scatter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "plot/layout.h"
#include "plot/svg.h"
#include "terminal/format.h"

namespace course {
namespace {

using svg::css_color;
using svg::escaped;
using svg::number;
using svg::text_at;

constexpr int64_t kNarrowest = 20, kWidest = 100;
constexpr std::string_view kSymbols = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::size_t kMostDots = 4000;
constexpr double kPanel = 300, kLeft = 46, kTop = 44, kBottom = 46, kGap = 20, kLegend = 130;

// Ten colours of like lightness that differ in hue, for white and dark grounds; more groups begin
// again. The first six are those of curves.
constexpr std::array<Ink, 10> kGroupInks{{kInks[0],
                                          kInks[1],
                                          kInks[2],
                                          kInks[3],
                                          kInks[4],
                                          kInks[5],
                                          {0x7F, 0x60, 0x44, 95},
                                          {0x8A, 0x5B, 0xC9, 98},
                                          {0x8C, 0x9A, 0x2B, 106},
                                          {0x77, 0x77, 0x77, 243}}};

const Ink& ink_of(int64_t group) {
  return kGroupInks[static_cast<std::size_t>(group) % kGroupInks.size()];
}

void check(const Scatter& scatter) {
  if (scatter.x.size() != scatter.y.size() || scatter.x.size() != scatter.groups.size()) {
    throw std::invalid_argument("x, y and groups of a scatter plot must have the same length");
  }
  if (scatter.names.size() > kSymbols.size()) {
    throw std::invalid_argument("a scatter plot has at most " + std::to_string(kSymbols.size()) +
                                " groups");
  }
  for (const int64_t group : scatter.groups) {
    if (group < 0 || group >= static_cast<int64_t>(scatter.names.size())) {
      throw std::invalid_argument("a point is of group " + std::to_string(group) +
                                  ", but there are " + std::to_string(scatter.names.size()) +
                                  " names");
    }
  }
}

struct Range {
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();

  void take(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
  bool empty() const { return least > most; }
  double fraction(double value) const {
    return most > least ? (value - least) / (most - least) : 0.5;
  }
  std::string text() const {
    if (empty()) return "nothing";
    return short_number(least, 3) + " to " + short_number(most, 3);
  }
};

bool is_drawn(const Scatter& scatter, std::size_t i) {
  return std::isfinite(scatter.x[i]) && std::isfinite(scatter.y[i]);
}

std::pair<Range, Range> ranges(const Scatter& scatter) {
  Range x, y;
  for (std::size_t i = 0; i < scatter.x.size(); ++i) {
    if (!is_drawn(scatter, i)) continue;
    x.take(scatter.x[i]);
    y.take(scatter.y[i]);
  }
  return {x, y};
}

/// The cell of a fraction: 0 is the first of `count`.
int64_t cell_of(double fraction, int64_t count) {
  return std::clamp<int64_t>(static_cast<int64_t>(fraction * static_cast<double>(count)), 0,
                             count - 1);
}

std::string painted(const std::string& text, int64_t group, const Terminal& terminal) {
  if (terminal.color == Color::none) return text;
  return color_on(ink_of(group), terminal.color) + text + "\033[0m";
}

/// "0 T-shirt/top   1 Trouser", in lines of at most `width` columns.
std::string legend(const Scatter& scatter, const Terminal& terminal, int64_t width) {
  std::string text;
  int64_t used = 0;
  for (std::size_t group = 0; group < scatter.names.size(); ++group) {
    const std::string name = one_line(scatter.names[group]);
    const int64_t wide = 2 + display_width(name);
    if (used > 0 && used + 3 + wide > width) {
      text += "\n";
      used = 0;
    }
    if (used > 0) text += "   ";
    text += painted(std::string(1, kSymbols[group]), static_cast<int64_t>(group), terminal) + " " +
            name;
    used += (used > 0 ? 3 : 0) + wide;
  }
  return text + "\n";
}

/// One panel, its frame beginning at `left`.
std::string panel(const Scatter& scatter, double left) {
  const auto [x, y] = ranges(scatter);
  std::string svg = "<rect x=\"" + number(left) + "\" y=\"" + number(kTop) + "\" width=\"" +
                    number(kPanel) + "\" height=\"" + number(kPanel) +
                    "\" fill=\"none\" stroke=\"#888888\"/>\n";
  const std::size_t stride = scatter.x.size() / kMostDots + 1;
  for (std::size_t i = 0; i < scatter.x.size(); i += stride) {
    if (!is_drawn(scatter, i)) continue;
    const double inset = 6, span = kPanel - 2 * inset;
    svg += "<circle cx=\"" + number(left + inset + span * x.fraction(scatter.x[i])) + "\" cy=\"" +
           number(kTop + kPanel - inset - span * y.fraction(scatter.y[i])) +
           "\" r=\"1.6\" fill=\"" + css_color(ink_of(scatter.groups[i])) +
           "\" fill-opacity=\"0.6\"/>\n";
  }
  const double middle = left + kPanel / 2, below = kTop + kPanel;
  svg += text_at(middle, below + 18, "middle", scatter.x_label + ": " + x.text());
  const std::string turn =
      " transform=\"rotate(-90 " + number(left - 8) + " " + number(kTop + kPanel / 2) + ")\"";
  return svg +
         text_at(left - 8, kTop + kPanel / 2, "middle", scatter.y_label + ": " + y.text(), turn);
}

}  // namespace

std::string draw_scatter(const Scatter& scatter, const Terminal& terminal, int64_t height) {
  check(scatter);
  if (height < 1) throw std::invalid_argument("the height of a plot is at least 1");
  const int64_t width = std::clamp(terminal.width, kNarrowest, kWidest);
  const int64_t columns = width - 2;
  const auto [x, y] = ranges(scatter);
  const std::size_t groups = scatter.names.size();
  std::vector<int64_t> counts(static_cast<std::size_t>(columns * height) * groups, 0);
  for (std::size_t i = 0; i < scatter.x.size(); ++i) {
    if (!is_drawn(scatter, i)) continue;
    const int64_t column = cell_of(x.fraction(scatter.x[i]), columns);
    const int64_t row = height - 1 - cell_of(y.fraction(scatter.y[i]), height);
    ++counts[static_cast<std::size_t>(row * columns + column) * groups +
             static_cast<std::size_t>(scatter.groups[i])];
  }
  std::string text;
  if (!scatter.title.empty()) text += one_line(scatter.title) + "\n";
  std::string edge;
  for (int64_t column = 0; column < columns; ++column) edge += "─";
  text += "┌" + edge + "┐\n";
  for (int64_t row = 0; row < height; ++row) {
    text += "│";
    for (int64_t column = 0; column < columns; ++column) {
      const auto first = counts.begin() + (row * columns + column) * static_cast<int64_t>(groups);
      const auto most = std::max_element(first, first + static_cast<int64_t>(groups));
      const int64_t group = most - first;
      const bool blank = groups == 0 || *most == 0;
      text += blank ? " "
                    : painted(std::string(1, kSymbols[static_cast<std::size_t>(group)]), group,
                              terminal);
    }
    text += "│\n";
  }
  text += "└" + edge + "┘\n";
  text += "across " + one_line(scatter.x_label) + ": " + x.text() + "; up " +
          one_line(scatter.y_label) + ": " + y.text() + "\n";
  return text + legend(scatter, terminal, width);
}

std::string svg_scatter(const std::vector<Scatter>& panels) {
  if (panels.empty()) throw std::invalid_argument("a picture of points needs at least one panel");
  for (const Scatter& scatter : panels) check(scatter);
  const auto count = static_cast<double>(panels.size());
  const double width = count * (kLeft + kPanel) + kGap + kLegend;
  const double height = kTop + kPanel + kBottom;
  const std::string size = number(width) + "\" height=\"" + number(height);
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size + "\" viewBox=\"0 0 " +
      number(width) + " " + number(height) + "\" role=\"img\" aria-label=\"" +
      escaped(panels[0].title) +
      "\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222222\">\n<rect width=\"" + size +
      "\" fill=\"#FFFFFF\"/>\n";
  svg += text_at(kLeft, 26, "start", panels[0].title, " font-size=\"15\"");
  for (std::size_t i = 0; i < panels.size(); ++i) {
    svg += panel(panels[i], kLeft + static_cast<double>(i) * (kLeft + kPanel));
  }
  const double legend_x = count * (kLeft + kPanel) + kGap;
  for (std::size_t group = 0; group < panels[0].names.size(); ++group) {
    const double y = kTop + 14 + 20 * static_cast<double>(group);
    svg += "<circle cx=\"" + number(legend_x) + "\" cy=\"" + number(y - 4) + "\" r=\"5\" fill=\"" +
           css_color(ink_of(static_cast<int64_t>(group))) + "\"/>\n";
    svg += text_at(legend_x + 12, y, "start", panels[0].names[group]);
  }
  return svg + "</svg>\n";
}

}  // namespace course
