// Measures a plot: the range of its values, the strokes of its curves, the places of its labels.
#include "plot/layout.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "terminal/format.h"

namespace course {
namespace {

/// The least and the most of what was included.
struct Bounds {
  double least = std::numeric_limits<double>::infinity();
  double most = -std::numeric_limits<double>::infinity();

  void include(double value) {
    least = std::min(least, value);
    most = std::max(most, value);
  }
};

bool is_drawn(double x, double y, Scale::Kind y_kind) {
  return Scale::has_place(x, Scale::Kind::linear) && Scale::has_place(y, y_kind);
}

bool is_whole(double x) {
  return x == std::floor(x) && std::abs(x) < 1e9;
}

std::vector<Stroke> strokes_of(const Curve& curve, const Scale& x, const Scale& y,
                               Scale::Kind y_kind) {
  std::vector<Stroke> strokes;
  bool broken = true;
  for (std::size_t i = 0; i < curve.x.size(); ++i) {
    if (!is_drawn(curve.x[i], curve.y[i], y_kind)) {
      broken = true;
      continue;
    }
    if (broken) strokes.emplace_back();
    broken = false;
    strokes.back().push_back({x.fraction(curve.x[i]), y.fraction(curve.y[i])});
  }
  return strokes;
}

}  // namespace

Layout lay_out(const Plot& plot) {
  const Scale::Kind y_kind = plot.log_y ? Scale::Kind::log : Scale::Kind::linear;
  Bounds x, y;
  bool whole = true;
  for (const Curve& curve : plot.curves) {
    if (curve.x.size() != curve.y.size()) {
      throw std::invalid_argument("a curve needs as many x as y, but '" + curve.name + "' has " +
                                  std::to_string(curve.x.size()) + " x and " +
                                  std::to_string(curve.y.size()) + " y");
    }
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (!is_drawn(curve.x[i], curve.y[i], y_kind)) continue;
      x.include(curve.x[i]);
      y.include(curve.y[i]);
      whole = whole && is_whole(curve.x[i]);
    }
  }
  const bool empty = x.least > x.most;
  const Scale::Kind x_kind = whole ? Scale::Kind::whole : Scale::Kind::linear;
  Layout layout{empty ? Scale(0, 1, x_kind) : Scale(x.least, x.most, x_kind),
                empty ? Scale(0, 1, Scale::Kind::linear) : Scale(y.least, y.most, y_kind),
                {},
                empty};
  for (const Curve& curve : plot.curves) {
    layout.curves.push_back(strokes_of(curve, layout.x, layout.y, y_kind));
  }
  return layout;
}

std::vector<Mark> visible_marks(const Plot& plot, const Layout& layout) {
  std::vector<Mark> marks;
  std::copy_if(plot.marks.begin(), plot.marks.end(), std::back_inserter(marks),
               [&](const Mark& mark) {
                 return !layout.empty && mark.x >= layout.x.least() && mark.x <= layout.x.most();
               });
  return marks;
}

std::string color_on(const Ink& ink, Color color) {
  if (color == Color::ansi256) return "\033[38;5;" + std::to_string(ink.ansi256) + "m";
  return "\033[38;2;" + std::to_string(ink.red) + ";" + std::to_string(ink.green) + ";" +
         std::to_string(ink.blue) + "m";
}

Look look_of(std::size_t curve, bool colored) {
  if (!colored) return {kInks[0], kPatterns[curve % kPatterns.size()]};
  return {kInks[curve % kInks.size()], kPatterns[curve / kInks.size() % kPatterns.size()]};
}

std::string name_of(const Curve& curve, const std::vector<Stroke>& strokes, int64_t width) {
  const std::string name = one_line(curve.name);
  if (!strokes.empty()) return cut_to_width(name, width);
  return cut_to_width(name + (name.empty() ? "" : " ") + "(no values)", width);
}

std::string one_line(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(),
      [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; }, ' ');
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::vector<double> spread_apart(const std::vector<double>& wanted, double gap, double least,
                                 double most) {
  const std::size_t n = wanted.size();
  if (n == 0) return {};
  if (n > 1) gap = std::min(gap, (most - least) / static_cast<double>(n - 1));
  std::vector<std::size_t> order(n);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return wanted[a] < wanted[b]; });

  // Less i * gap, the i-th must only not lie before the one before it: where it does, the two
  // groups become one at their common mean (isotonic regression by pooling adjacent violators).
  struct Group {
    double sum;
    std::size_t size;
    double mean() const { return sum / static_cast<double>(size); }
  };
  std::vector<Group> groups;
  for (std::size_t i = 0; i < n; ++i) {
    groups.push_back({wanted[order[i]] - static_cast<double>(i) * gap, 1});
    while (groups.size() > 1 && groups[groups.size() - 2].mean() > groups.back().mean()) {
      const Group last = groups.back();
      groups.pop_back();
      groups.back() = {groups.back().sum + last.sum, groups.back().size + last.size};
    }
  }
  std::vector<double> positions(n);
  std::size_t i = 0;
  for (const Group& group : groups) {
    const double room = most - static_cast<double>(n - 1) * gap;
    const double start = std::clamp(group.mean(), least, std::max(least, room));
    for (std::size_t end = i + group.size; i < end; ++i) {
      positions[order[i]] = start + static_cast<double>(i) * gap;
    }
  }
  return positions;
}

std::vector<int64_t> stacked_rows(const std::vector<Extent>& labels, double gap) {
  std::vector<int64_t> rows;
  for (const Extent& label : labels) {
    const auto is_taken = [&](int64_t row) {
      for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool apart = label.begin >= labels[i].end + gap || label.end + gap <= labels[i].begin;
        if (rows[i] == row && !apart) return true;
      }
      return false;
    };
    int64_t row = 0;
    while (is_taken(row)) ++row;
    rows.push_back(row);
  }
  return rows;
}

}  // namespace course
