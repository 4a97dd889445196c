// Curves as an SVG document: grid, lines, and each curve's name at its right end.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plot/curves.h"
#include "plot/layout.h"
#include "plot/scale.h"
#include "plot/svg.h"
#include "terminal/format.h"

namespace course {
namespace {

using svg::css_color;
using svg::escaped;
using svg::number;
using svg::text_at;

constexpr double kWidth = 760, kHeight = 420;
constexpr double kEdge = 16;      // kept free all around
constexpr double kInset = 8;      // between the frame and the outermost points
constexpr double kFontSize = 12;  // of all texts but the title
constexpr double kTitleSize = 16;
constexpr double kLineHeight = 16;
constexpr double kNameOffset = 20;  // from the frame to a curve's name
constexpr int64_t kNameColumns = 24;
constexpr std::size_t kMostCircles = 60;

/// About as wide as a sans-serif font sets it: nobody but the viewer knows which one that is.
double text_width(std::string_view text, double font_size = kFontSize) {
  return 0.58 * font_size * static_cast<double>(display_width(text));
}

/// As much of a text as fits.
std::string fitted(std::string_view text, double width, double font_size = kFontSize) {
  return cut_to_width(one_line(text), static_cast<int64_t>(width / (0.58 * font_size)));
}

std::string line_between(double x1, double y1, double x2, double y2, const std::string& more) {
  return "<line x1=\"" + number(x1) + "\" y1=\"" + number(y1) + "\" x2=\"" + number(x2) +
         "\" y2=\"" + number(y2) + "\" " + more + "/>\n";
}

std::string polyline(const Stroke& pixels, const std::string& more) {
  std::string points;
  for (const Point& p : pixels) {
    points += (points.empty() ? "" : " ") + number(p.x) + "," + number(p.y);
  }
  return "<polyline points=\"" + points + "\" fill=\"none\" " + more + "/>\n";
}

/// A mark's text, and where it begins and ends.
struct MarkText {
  std::string text;
  double x;
  Extent extent;
  int64_t row = 0;
};

/// The measures of the drawing, in pixels.
struct Frame {
  double left = 0, top = 0, right = 0, bottom = 0;
  std::vector<Tick> x_ticks, y_ticks;

  double x(double fraction) const { return left + kInset + fraction * (right - left - 2 * kInset); }
  double y(double fraction) const {
    return bottom - kInset - fraction * (bottom - top - 2 * kInset);
  }
};

std::vector<Tick> x_ticks_of(const Scale& scale, double width) {
  for (int64_t count = 10; count > 1; --count) {
    const std::vector<Tick> ticks = scale.ticks(count);
    double widest = 0;
    for (const Tick& tick : ticks) widest = std::max(widest, text_width(tick.label));
    if (static_cast<double>(ticks.size()) * (widest + kFontSize) <= width) return ticks;
  }
  return scale.ticks(1);
}

std::vector<std::string> names_of(const Plot& plot, const Layout& layout) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    names.push_back(name_of(plot.curves[i], layout.curves[i], kNameColumns));
  }
  return names;
}

Frame frame_of(const Plot& plot, const Layout& layout, const std::vector<std::string>& names) {
  Frame frame;
  if (!layout.empty) frame.y_ticks = layout.y.ticks(7);
  double widest_number = 0, widest_name = 0;
  for (const Tick& tick : frame.y_ticks) {
    widest_number = std::max(widest_number, text_width(tick.label));
  }
  for (const std::string& name : names) widest_name = std::max(widest_name, text_width(name));
  frame.left = kEdge + (plot.y_label.empty() ? 0 : kLineHeight + 4) + widest_number + 8;
  frame.right = kWidth - kEdge - (widest_name > 0 ? kNameOffset + widest_name : 0);
  frame.top = kEdge + (plot.title.empty() ? 0 : 28);
  frame.bottom = kHeight - kEdge - kLineHeight - (plot.x_label.empty() ? 0 : kLineHeight + 6);
  if (!layout.empty) frame.x_ticks = x_ticks_of(layout.x, frame.right - frame.left);
  return frame;
}

/// Gives the marks' texts rows above the frame, which moves down to make room for them.
std::vector<MarkText> place_marks(const Plot& plot, const Layout& layout, Frame& frame) {
  std::vector<MarkText> texts;
  std::vector<Extent> extents;
  for (const Mark& mark : visible_marks(plot, layout)) {
    const double x = frame.x(layout.x.fraction(mark.x));
    const std::string text = fitted(mark.text, frame.right - frame.left);
    const double width = text_width(text);
    const double begin = std::clamp(x - width / 2, frame.left, frame.right - width);
    texts.push_back({text, x, {begin, begin + width}});
    extents.push_back(texts.back().extent);
  }
  const std::vector<int64_t> rows = stacked_rows(extents, kFontSize);
  int64_t count = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    texts[i].row = rows[i];
    count = std::max(count, rows[i] + 1);
  }
  // A hundred marks in one place must not push the frame off the page: the last lose their texts.
  frame.top += std::min(static_cast<double>(count) * kLineHeight, kHeight / 3);
  return texts;
}

std::string axes(const Plot& plot, const Layout& layout, const Frame& frame) {
  const std::string light = "stroke=\"#E4E4E4\"", dark = "stroke=\"#777777\"";
  std::string svg;
  for (const Tick& tick : frame.y_ticks) {
    const double y = frame.y(layout.y.fraction(tick.value));
    svg += line_between(frame.left, y, frame.right, y, light);
    svg += text_at(frame.left - 8, y + 4, "end", tick.label);
  }
  for (const Tick& tick : frame.x_ticks) {
    const double x = frame.x(layout.x.fraction(tick.value));
    svg += line_between(x, frame.top, x, frame.bottom, light);
    svg += text_at(x, frame.bottom + kLineHeight, "middle", tick.label);
  }
  svg += line_between(frame.left, frame.top, frame.left, frame.bottom, dark);
  svg += line_between(frame.left, frame.bottom, frame.right, frame.bottom, dark);
  const double middle = (frame.left + frame.right) / 2, center = (frame.top + frame.bottom) / 2;
  svg +=
      text_at(kWidth / 2, kEdge + 12, "middle", fitted(plot.title, kWidth - 2 * kEdge, kTitleSize),
              " font-size=\"" + number(kTitleSize) + "\" font-weight=\"bold\"");
  svg += text_at(middle, kHeight - kEdge, "middle", fitted(plot.x_label, frame.right - frame.left));
  const double x = kEdge + kFontSize - 2;
  svg += text_at(x, center, "middle", fitted(plot.y_label, frame.bottom - frame.top),
                 " transform=\"rotate(-90 " + number(x) + " " + number(center) + ")\"");
  return svg;
}

std::string draw_marks(const std::vector<MarkText>& marks, const Frame& frame) {
  std::string svg;
  for (const MarkText& mark : marks) {
    svg += line_between(mark.x, frame.top, mark.x, frame.bottom,
                        "stroke=\"#777777\" stroke-dasharray=\"4 3\"");
    const double y = frame.top - 5 - static_cast<double>(mark.row) * kLineHeight;
    if (y < kEdge) continue;
    svg += text_at((mark.extent.begin + mark.extent.end) / 2, y, "middle", mark.text);
  }
  return svg;
}

/// Of consecutive points in the same column of pixels no more than the first, the lowest, the
/// highest and the last: a line through them covers the same pixels, and a curve of a million
/// points stays a small file.
Stroke thinned(const Stroke& pixels) {
  Stroke kept;
  for (std::size_t begin = 0, end = 0; begin < pixels.size(); begin = end) {
    const double column = std::floor(pixels[begin].x);
    std::size_t low = begin, high = begin;
    for (; end < pixels.size() && std::floor(pixels[end].x) == column; ++end) {
      if (pixels[end].y > pixels[low].y) low = end;
      if (pixels[end].y < pixels[high].y) high = end;
    }
    std::array<std::size_t, 4> chosen{begin, std::min(low, high), std::max(low, high), end - 1};
    const auto last = std::unique(chosen.begin(), chosen.end());
    for (auto i = chosen.begin(); i != last; ++i) kept.push_back(pixels[*i]);
  }
  return kept;
}

std::string draw_curve(const std::vector<Stroke>& strokes, const Look& look, const Frame& frame) {
  const std::string color = css_color(look.ink);
  std::string style = "stroke=\"" + color +
                      "\" stroke-width=\"2\" stroke-linejoin=\"round\" stroke-linecap=\"round\"";
  if (look.pattern[1] > 0) {
    std::string dashes;
    for (const int length : look.pattern) {
      dashes += (dashes.empty() ? "" : " ") + std::to_string(2 * length);
    }
    style += " stroke-dasharray=\"" + dashes + "\"";
  }
  std::size_t points = 0;
  for (const Stroke& stroke : strokes) points += stroke.size();
  std::string lines, circles;
  for (const Stroke& stroke : strokes) {
    Stroke pixels;
    for (const Point& p : stroke) pixels.push_back({frame.x(p.x), frame.y(p.y)});
    if (pixels.size() > 1) lines += polyline(thinned(pixels), style);
    if (points > kMostCircles && pixels.size() > 1) continue;
    for (const Point& p : pixels) {
      circles += "<circle cx=\"" + number(p.x) + "\" cy=\"" + number(p.y) + "\" r=\"2.6\" fill=\"" +
                 color + "\"/>\n";
    }
  }
  return lines + circles;
}

/// Names at the right, and a thin dotted line from each curve's last point to its name.
std::string draw_names(const std::vector<std::string>& names, const Layout& layout,
                       const Frame& frame) {
  std::vector<double> wanted;
  std::vector<std::size_t> named;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) continue;
    named.push_back(i);
    const std::vector<Stroke>& strokes = layout.curves[i];
    wanted.push_back(strokes.empty() ? frame.bottom : frame.y(strokes.back().back().y));
  }
  const std::vector<double> places =
      spread_apart(wanted, kLineHeight, frame.top + 4, frame.bottom - 4);
  std::string svg;
  for (std::size_t n = 0; n < named.size(); ++n) {
    const std::vector<Stroke>& strokes = layout.curves[named[n]];
    if (!strokes.empty()) {
      const Stroke leader{{frame.x(strokes.back().back().x), wanted[n]},
                          {frame.right - kInset, wanted[n]},
                          {frame.right + kNameOffset - 5, places[n]}};
      svg += polyline(leader, "stroke=\"" + css_color(look_of(named[n], true).ink) +
                                  "\" stroke-width=\"1\" stroke-dasharray=\"2 2\"");
    }
    svg += text_at(frame.right + kNameOffset, places[n] + 4, "start", names[named[n]]);
  }
  return svg;
}

}  // namespace

std::string svg_curves(const Plot& plot) {
  const Layout layout = lay_out(plot);
  const std::vector<std::string> names = names_of(plot, layout);
  Frame frame = frame_of(plot, layout, names);
  const std::vector<MarkText> marks = place_marks(plot, layout, frame);

  const std::string size = number(kWidth) + "\" height=\"" + number(kHeight);
  std::string svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" + size +
                    "\" viewBox=\"0 0 " + number(kWidth) + " " + number(kHeight) +
                    "\" role=\"img\" aria-label=\"" + escaped(plot.title) +
                    "\" font-family=\"sans-serif\" font-size=\"" + number(kFontSize) +
                    "\" fill=\"#222222\">\n";
  svg += "<rect width=\"" + size + "\" fill=\"#FFFFFF\"/>\n";
  svg += axes(plot, layout, frame) + draw_marks(marks, frame);
  for (std::size_t i = 0; i < layout.curves.size(); ++i) {
    svg += draw_curve(layout.curves[i], look_of(i, true), frame);
  }
  svg += draw_names(names, layout, frame);
  if (layout.empty) {
    svg += text_at((frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2, "middle",
                   "nothing to draw");
  }
  return svg + "</svg>\n";
}

}  // namespace course
