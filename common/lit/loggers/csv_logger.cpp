// CSVLogger: the numbers of a run as a table that anything reads.
#include "lit/loggers/csv_logger.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <set>
#include <utility>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "serialize/append_file.h"
#include "serialize/atomic_file.h"
#include "serialize/python_text.h"

namespace lit {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPiece = 1 << 16;  // bytes that are written at once

// A name as a cell: in quotes where it would be taken for several.
std::string cell(const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) return name;
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string header(const std::vector<std::string>& columns) {
  std::string text;
  for (size_t i = 0; i < columns.size(); ++i) text += (i > 0 ? "," : "") + cell(columns[i]);
  return text + "\n";
}

// A row of the file with empty cells more: before the cells of these numbers, in ascending order,
// where the number of all cells stands for the row's end. Cells are numbers or nothing, so that
// every comma stands between two.
void append_widened(std::string& text, std::string_view row, const std::vector<size_t>& before) {
  size_t copied = 0, at = 0, cell = 0;  // `at` is where the cell of that number begins
  for (const size_t wanted : before) {
    while (cell < wanted && at <= row.size()) {
      while (at < row.size() && row[at] != ',') ++at;
      ++at;
      ++cell;
    }
    const size_t end = std::min(at, row.size());
    text.append(row, copied, end - copied);
    text += ',';
    copied = end;
  }
  text.append(row, copied);
  text += '\n';
}

bool is_there(const fs::path& file) {
  std::error_code code;
  return fs::status(file, code).type() != fs::file_type::not_found;
}

}  // namespace

CSVLogger::CSVLogger(Options options)
    : options_(std::move(options)), run_(options_.save_dir, options_.name, options_.version) {
  if (options_.flush_logs_every_n_steps < 1) {
    throw Error("flush_logs_every_n_steps is " + std::to_string(options_.flush_logs_every_n_steps) +
                ", but must be at least 1");
  }
}

void CSVLogger::log_metrics(const std::map<std::string, double>& metrics, int64_t step) {
  Row row;
  for (const auto& [name, value] : metrics) {
    const bool counts = name == "epoch" && value == std::floor(value);
    row.emplace(detail::prefixed(options_.prefix, name),
                counts ? std::to_string(static_cast<int64_t>(value)) : course::python_float(value));
  }
  row.insert_or_assign("step", std::to_string(step));
  waiting_.push_back(std::move(row));
  if ((step + 1) % options_.flush_logs_every_n_steps == 0) save();
}

void CSVLogger::log_hyperparams(const course::Dict& params) {
  for (const auto& [key, value] : params) hparams_.set(key, value);
  hparams_changed_ = true;
}

void CSVLogger::save() {
  if (hparams_changed_) {
    with_own_errors([&] {
      course::write_text_atomically(run_.folder() / "hparams.yaml", course::yaml(hparams_));
    });
    hparams_changed_ = false;
  }
  if (waiting_.empty()) return;
  file_ = run_.folder() / "metrics.csv";
  if (columns_.empty()) {
    begin();
  } else {
    write();
  }
  waiting_.clear();
}

// The first write: what another run has left in a folder that was asked for makes room.
void CSVLogger::begin() {
  const bool is_old = is_there(file_);
  rewrite(nullptr);
  if (!is_old) return;
  warn("the folder " + run_.folder().string() +
       " is not empty; its metrics.csv of an earlier run is removed");
}

// The file behind its header; none if there is no file any more, or nothing in it.
std::optional<std::ifstream> CSVLogger::open_rows() const {
  if (!is_there(file_)) return std::nullopt;
  std::ifstream file(file_, std::ios::binary);
  const std::string wanted = header(columns_);
  std::string found(wanted.size(), '\0');
  if (file) file.read(found.data(), static_cast<std::streamsize>(found.size()));
  if (!file.is_open() || file.bad()) {
    throw Error(file_.string() + " could not be read: " + std::strerror(errno));
  }
  if (file.gcount() == 0) return std::nullopt;
  if (found == wanted) return file;
  throw Error(file_.string() +
              " does not begin any more with the columns that this logger wrote, so that its rows "
              "would not match; leave the file alone during a run, and give each run a version of "
              "its own");
}

// Rows in columns that the file has are appended; for others the whole file is written again.
void CSVLogger::write() {
  const bool fits = std::all_of(waiting_.begin(), waiting_.end(), [&](const Row& row) {
    return std::all_of(row.begin(), row.end(), [&](const auto& one) {
      return std::binary_search(columns_.begin(), columns_.end(), one.first);
    });
  });
  if (fits) {
    std::string text;
    for (const Row& row : waiting_) append_line(text, row, columns_);
    const bool is_written =
        with_own_errors([&] { return course::append_to_begun(file_, header(columns_), text); });
    if (is_written) return;
  }
  if (std::optional<std::ifstream> rows = open_rows()) return rewrite(&*rows);
  rewrite(nullptr);
  warn(file_.string() + " is gone; it is started again, without the rows that were in it");
}

// One line after the other: the file may be larger than what a program wants to hold in memory.
void CSVLogger::rewrite(std::ifstream* old_rows) {
  std::set<std::string> names(columns_.begin(), columns_.end());
  for (const Row& row : waiting_) {
    for (const auto& [name, value] : row) names.insert(name);
  }
  std::vector<std::string> columns(names.begin(), names.end());
  std::vector<size_t> new_cells;  // each by the number of the old one that it stands before
  size_t old = 0;
  for (const std::string& name : columns) {
    if (old < columns_.size() && name == columns_[old]) {
      ++old;
    } else {
      new_cells.push_back(old);
    }
  }
  with_own_errors([&] {
    detail::make_folder(file_.parent_path());  // that may be gone, too
    course::write_atomically(file_, [&](const course::Write& write) {
      std::string text = header(columns);
      const auto write_piece = [&](size_t at_least) {
        if (text.size() < at_least) return;
        write(text.data(), text.size());
        text.clear();
      };
      for (std::string row; old_rows != nullptr && std::getline(*old_rows, row);) {
        append_widened(text, row, new_cells);
        write_piece(kPiece);
      }
      if (old_rows != nullptr && old_rows->bad()) {
        throw Error(file_.string() + " could not be read to its end");
      }
      for (const Row& row : waiting_) {
        append_line(text, row, columns);
        write_piece(kPiece);
      }
      write_piece(1);
    });
  });
  columns_ = std::move(columns);
}

void CSVLogger::append_line(std::string& text, const Row& row,
                            const std::vector<std::string>& columns) {
  auto cell = row.begin();  // both are in alphabetical order
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) text += ',';
    if (cell != row.end() && cell->first == columns[i]) text += (cell++)->second;
  }
  text += '\n';
}

}  // namespace lit
