// Lays out tables: measures the columns, cuts what does not fit, pads the rest.
#include "terminal/table.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <utility>

namespace course {
namespace {

constexpr int64_t kGap = 2;
constexpr int64_t kNarrowest = 4;

std::string padded(const std::string& cell, int64_t width, bool right_aligned) {
  const std::string text = cut_to_width(cell, width);
  const std::string space(static_cast<std::size_t>(width - display_width(text)), ' ');
  return right_aligned ? space + text : text + space;
}

/// Takes columns off the widest left-aligned ones, one at a time, until `total` is reached or all
/// are narrow.
void shrink(std::vector<int64_t>& widths, const std::vector<Column>& columns, int64_t total) {
  int64_t sum = std::accumulate(widths.begin(), widths.end(),
                                kGap * (static_cast<int64_t>(widths.size()) - 1));
  for (; sum > total; --sum) {
    int64_t* widest = nullptr;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const bool cuttable = !columns[i].right_aligned && widths[i] > kNarrowest;
      if (cuttable && (widest == nullptr || widths[i] > *widest)) widest = &widths[i];
    }
    if (widest == nullptr) return;
    --*widest;
  }
}

std::string repeated(const std::string& glyph, int64_t times) {
  std::string text;
  for (int64_t i = 0; i < times; ++i) text += glyph;
  return text;
}

/// Cells, each already padded, as one line without spaces at its end.
std::string line_of(const std::vector<std::string>& cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) line += (i == 0 ? "" : "  ") + cells[i];
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  if (columns_.empty()) throw std::invalid_argument("a table needs at least one column");
}

Table& Table::row(std::vector<std::string> cells) {
  if (cells.size() != columns_.size()) {
    throw std::invalid_argument("a row of this table has " + std::to_string(columns_.size()) +
                                " cells, not " + std::to_string(cells.size()));
  }
  rows_.push_back(std::move(cells));
  return *this;
}

Table& Table::rule() {
  rows_.emplace_back();
  return *this;
}

std::string Table::text(const Terminal& terminal) const {
  std::vector<int64_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    int64_t width = display_width(columns_[i].header);
    for (const auto& row : rows_) {
      if (!row.empty()) width = std::max(width, display_width(row[i]));
    }
    widths.push_back(width);
  }
  shrink(widths, columns_, terminal.width);

  std::vector<std::string> headers, rule;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    headers.push_back(padded(columns_[i].header, widths[i], columns_[i].right_aligned));
    rule.push_back(repeated("─", widths[i]));
  }
  std::string text = line_of(headers) + line_of(rule);
  for (const auto& row : rows_) {
    std::vector<std::string> cells = row.empty() ? rule : row;
    for (std::size_t i = 0; i < row.size(); ++i) {
      cells[i] = padded(row[i], widths[i], columns_[i].right_aligned);
    }
    text += line_of(cells);
  }
  return text;
}

}  // namespace course
