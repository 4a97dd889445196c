// Tables whose columns line up, whatever script the cells are in.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "terminal/format.h"
#include "terminal/terminal.h"

namespace course {

/// A column's heading and the side its cells keep to; make one with left() or right().
struct Column {
  std::string header;
  bool right_aligned = false;
};

/// A column of words.
inline Column left(std::string header) {
  return {std::move(header), false};
}
/// A column of numbers.
inline Column right(std::string header) {
  return {std::move(header), true};
}

/// Rows under headings, two columns apart, with a thin rule under the headings:
///
///     Table table({left("parameter"), right("count")});
///     table.row({"fc1.weight", grouped(200704)}).row({"fc1.bias", "256"});
///     std::cout << table.text();
class Table {
 public:
  explicit Table(std::vector<Column> columns);

  /// Adds a row. @throws std::invalid_argument unless there is one cell for each column.
  Table& row(std::vector<std::string> cells);
  /// Adds a thin rule, as above a sum.
  Table& rule();

  /// The table, each line ending with '\n', none with a space. Where it is wider than the terminal
  /// the widest left-aligned columns are cut to fit (to no less than four columns each), cut cells
  /// ending in "…".
  std::string text(const Terminal& terminal = standard_output()) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;  // an empty row is a rule
};

}  // namespace course
