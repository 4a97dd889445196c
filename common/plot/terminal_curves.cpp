// Curves as text: a frame with numbers around a canvas of braille dots, and a legend.
#include <algorithm>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "plot/braille.h"
#include "plot/curves.h"
#include "plot/layout.h"
#include "plot/scale.h"
#include "terminal/format.h"

namespace course {
namespace {

constexpr int64_t kNarrowest = 10, kWidest = 100;
constexpr int64_t kFewestColumns = 8;  // inside a frame that has numbers at its left
constexpr int64_t kMostYTicks = 12;
constexpr int64_t kLabelGap = 2;
constexpr int64_t kSampleColumns = 6;
constexpr const char* kColorsOff = "\033[0m";

/// A line of text that pieces are put into from left to right.
class Line {
 public:
  /// `text` from `column` on, or from where the last piece ended if that is further right.
  void put(int64_t column, const std::string& text) {
    if (text.empty()) return;
    const int64_t space = std::max<int64_t>(0, column - used_);
    text_ += std::string(static_cast<std::size_t>(space), ' ') + text;
    used_ += space + display_width(text);
  }
  /// Text whose escape sequences take no columns.
  void put_painted(const std::string& text, int64_t width) {
    text_ += text;
    used_ += width;
  }
  int64_t used() const { return used_; }
  std::string str() const { return text_.substr(0, text_.find_last_not_of(' ') + 1) + '\n'; }

 private:
  std::string text_;
  int64_t used_ = 0;
};

/// A tick, and the row or column of the canvas it belongs to.
struct PlacedTick {
  std::string label;
  int64_t cell;
};

/// The measures of the drawing, in characters.
struct Frame {
  int64_t width = 0;   // of all
  int64_t gutter = 0;  // left of the frame, for the numbers and a space
  int64_t columns = 0, rows = 0;
  std::vector<PlacedTick> x_ticks, y_ticks;

  /// The first of `width` columns that are centred at a column of the canvas but stay on the line.
  int64_t centred(int64_t column, int64_t label_width) const {
    const int64_t begin = gutter + 1 + column - (label_width - 1) / 2;
    return std::clamp<int64_t>(begin, 0, std::max<int64_t>(0, width - label_width));
  }
};

/// Whether each label has a gap to the next, and all are on the line.
bool labels_fit(const Frame& frame, const std::vector<PlacedTick>& ticks) {
  int64_t free = 0;
  for (const PlacedTick& tick : ticks) {
    const int64_t width = display_width(tick.label);
    const int64_t begin = frame.centred(tick.cell, width);
    if (begin < free || begin + width > frame.width) return false;
    free = begin + width + kLabelGap;
  }
  return true;
}

std::vector<PlacedTick> x_ticks_of(const Scale& scale, const Frame& frame) {
  std::vector<PlacedTick> placed;
  for (int64_t count = std::max<int64_t>(2, frame.columns / 8); count > 0; --count) {
    placed.clear();
    for (const Tick& tick : scale.ticks(count)) {
      placed.push_back({tick.label, dot_of(scale.fraction(tick.value), 2 * frame.columns) / 2});
    }
    if (labels_fit(frame, placed)) return placed;
  }
  return {};
}

std::vector<PlacedTick> y_ticks_of(const Scale& scale, int64_t rows) {
  std::vector<PlacedTick> placed;
  for (const Tick& tick : scale.ticks(std::clamp<int64_t>(rows / 2, 2, kMostYTicks))) {
    const int64_t dot = dot_of(scale.fraction(tick.value), 4 * rows);
    const int64_t row = rows - 1 - dot / 4;
    if (placed.empty() || placed.back().cell != row) placed.push_back({tick.label, row});
  }
  return placed;
}

Frame frame_of(const Layout& layout, int64_t width, int64_t rows) {
  Frame frame;
  frame.width = std::clamp(width, kNarrowest, kWidest);
  frame.rows = rows;
  if (!layout.empty) {
    frame.y_ticks = y_ticks_of(layout.y, rows);
    for (const PlacedTick& tick : frame.y_ticks) {
      frame.gutter = std::max(frame.gutter, display_width(tick.label) + 1);
    }
    if (frame.width - frame.gutter - 2 < kFewestColumns) {
      frame.y_ticks.clear();
      frame.gutter = 0;
    }
  }
  frame.columns = frame.width - frame.gutter - 2;
  if (!layout.empty) frame.x_ticks = x_ticks_of(layout.x, frame);
  return frame;
}

/// A row of the canvas; `behind` is what empty cells show.
std::string painted_row(const BrailleCanvas& canvas, int64_t row,
                        const std::vector<std::string>& behind, Color color) {
  std::string text, last;
  for (std::size_t column = 0; column < behind.size(); ++column) {
    const BrailleCell& cell = canvas.cell(row, static_cast<int64_t>(column));
    std::string wanted;
    if (cell.dots != 0 && color != Color::none) {
      wanted = color_on(look_of(cell.curve, true).ink, color);
    }
    const bool blank = cell.dots == 0 && behind[column] == " ";
    if (!blank && wanted != last) {
      text += wanted.empty() ? kColorsOff : wanted;
      last = wanted;
    }
    text += cell.dots == 0 ? behind[column] : cell.text();
  }
  return last.empty() ? text : text + kColorsOff;
}

/// Above the frame: the y label at the left, the marks' texts over their columns; as many lines as
/// they need.
std::string texts_above(const Plot& plot, const std::vector<Mark>& marks,
                        const std::vector<int64_t>& mark_columns, const Frame& frame) {
  std::vector<Extent> extents;
  std::vector<std::string> texts;
  const auto add = [&](const std::string& text, int64_t begin) {
    if (text.empty()) return;
    texts.push_back(text);
    extents.push_back(
        {static_cast<double>(begin), static_cast<double>(begin + display_width(text))});
  };
  const std::string label = cut_to_width(one_line(plot.y_label), frame.width);
  add(label, std::max<int64_t>(0, frame.gutter - 1 - display_width(label)));
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const std::string text = cut_to_width(one_line(marks[i].text), frame.width);
    add(text, frame.centred(mark_columns[i], display_width(text)));
  }
  const std::vector<int64_t> rows = stacked_rows(extents, kLabelGap);
  std::string lines;
  for (int64_t row = rows.empty() ? -1 : *std::max_element(rows.begin(), rows.end()); row >= 0;
       --row) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] == row) members.push_back(i);
    }
    std::sort(members.begin(), members.end(),
              [&](std::size_t a, std::size_t b) { return extents[a].begin < extents[b].begin; });
    Line line;
    for (const std::size_t i : members) line.put(static_cast<int64_t>(extents[i].begin), texts[i]);
    lines += line.str();
  }
  return lines;
}

/// The frame's upper or lower edge, with `tees` at the columns given.
std::string edge(const Frame& frame, const char* left, const char* right,
                 const std::vector<std::string>& tees) {
  std::string text = left;
  for (const std::string& tee : tees) text += tee.empty() ? "─" : tee;
  Line line;
  line.put(frame.gutter, text + right);
  return line.str();
}

std::string lower_edge(const Frame& frame, const std::vector<int64_t>& mark_columns) {
  std::vector<std::string> tees(static_cast<std::size_t>(frame.columns));
  for (const int64_t column : mark_columns) tees[static_cast<std::size_t>(column)] = "┴";
  Line labels;
  for (const PlacedTick& tick : frame.x_ticks) {
    std::string& tee = tees[static_cast<std::size_t>(tick.cell)];
    tee = tee.empty() ? "┬" : "┼";
    labels.put(frame.centred(tick.cell, display_width(tick.label)), tick.label);
  }
  return edge(frame, "└", "┘", tees) + (frame.x_ticks.empty() ? "" : labels.str());
}

std::string body(const Layout& layout, const Frame& frame, const std::vector<int64_t>& mark_columns,
                 Color color) {
  BrailleCanvas canvas(frame.columns, frame.rows);
  for (std::size_t i = 0; i < layout.curves.size(); ++i) {
    canvas.draw(layout.curves[i], i, look_of(i, color != Color::none).pattern);
  }
  std::vector<std::string> behind(static_cast<std::size_t>(frame.columns), " ");
  for (const int64_t column : mark_columns) behind[static_cast<std::size_t>(column)] = "┊";
  std::string lines;
  for (int64_t row = 0; row < frame.rows; ++row) {
    const auto tick = std::find_if(frame.y_ticks.begin(), frame.y_ticks.end(),
                                   [&](const PlacedTick& t) { return t.cell == row; });
    Line line;
    if (tick != frame.y_ticks.end()) {
      line.put(frame.gutter - 1 - display_width(tick->label), tick->label);
    }
    line.put(frame.gutter, tick == frame.y_ticks.end() ? "│" : "┤");
    if (layout.empty && row == frame.rows / 2) {
      const std::string text = cut_to_width("nothing to draw", frame.columns);
      line.put(frame.gutter + 1 + (frame.columns - display_width(text)) / 2, text);
    } else if (!layout.empty) {
      line.put_painted(painted_row(canvas, row, behind, color), frame.columns);
    }
    line.put(frame.gutter + 1 + frame.columns, "│");
    lines += line.str();
  }
  return lines;
}

/// A stretch of line as the curve has it.
std::string sample(std::size_t curve, Color color) {
  BrailleCanvas canvas(kSampleColumns, 1);
  canvas.draw({{{0, 0.5}, {1, 0.5}}}, curve, look_of(curve, color != Color::none).pattern);
  return painted_row(canvas, 0, std::vector<std::string>(kSampleColumns, " "), color);
}

/// Samples and names, on as many lines as they need.
std::string legend(const Plot& plot, const Layout& layout, const Frame& frame, Color color) {
  std::string lines;
  Line line;
  const int64_t indent = frame.gutter + 1;
  for (std::size_t i = 0; i < plot.curves.size(); ++i) {
    const std::string name =
        name_of(plot.curves[i], layout.curves[i], frame.width - kSampleColumns - 1);
    if (name.empty()) continue;
    const int64_t width = kSampleColumns + 1 + display_width(name);
    if (line.used() > 0 && line.used() + 3 + width > frame.width) {
      lines += line.str();
      line = {};
    }
    const int64_t begin =
        line.used() > 0 ? line.used() + 3 : std::clamp<int64_t>(frame.width - width, 0, indent);
    line.put_painted(
        std::string(static_cast<std::size_t>(begin - line.used()), ' ') + sample(i, color),
        begin - line.used() + kSampleColumns);
    line.put(line.used() + 1, name);
  }
  return line.used() > 0 ? lines + line.str() : lines;
}

std::string centred_line(const std::string& text, const Frame& frame) {
  const std::string cut = cut_to_width(one_line(text), frame.width);
  if (cut.empty()) return "";
  Line line;
  line.put(frame.centred((frame.columns - 1) / 2, display_width(cut)), cut);
  return line.str();
}

}  // namespace

std::string draw_curves(const Plot& plot, const Terminal& terminal, int64_t height) {
  if (height < 1) {
    throw std::invalid_argument("a plot needs a height of at least 1 row, not " +
                                std::to_string(height));
  }
  const Layout layout = lay_out(plot);
  const Frame frame = frame_of(layout, terminal.width, height);
  const std::vector<Mark> marks = visible_marks(plot, layout);
  std::vector<int64_t> mark_columns;
  std::vector<std::string> tees(static_cast<std::size_t>(frame.columns));
  for (const Mark& mark : marks) {
    mark_columns.push_back(dot_of(layout.x.fraction(mark.x), 2 * frame.columns) / 2);
    tees[static_cast<std::size_t>(mark_columns.back())] = "┬";
  }
  return centred_line(plot.title, frame) + texts_above(plot, marks, mark_columns, frame) +
         edge(frame, "┌", "┐", tees) + body(layout, frame, mark_columns, terminal.color) +
         lower_edge(frame, mark_columns) + centred_line(plot.x_label, frame) +
         legend(plot, layout, frame, terminal.color);
}

}  // namespace course
