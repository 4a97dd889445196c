// CSVLogger: the numbers of a run as a table that anything reads.
#include "lit/loggers/csv_logger.h"

#include <cmath>
#include <fstream>
#include <utility>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "serialize/append_file.h"
#include "serialize/atomic_file.h"
#include "serialize/python_text.h"

namespace lit {
namespace {

namespace fs = std::filesystem;

// A name as a cell: in quotes where it would be taken for several.
std::string cell(const std::string& name) {
  if (name.find_first_of(",\"\r\n") == std::string::npos) return name;
  std::string quoted = "\"";
  for (const char c : name) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

CSVLogger::CSVLogger(Options options)
    : options_(std::move(options)), run_(options_.save_dir, options_.name, options_.version) {
  if (options_.flush_logs_every_n_steps < 1) {
    throw Error("flush_logs_every_n_steps is " + std::to_string(options_.flush_logs_every_n_steps) +
                ", but must be at least 1");
  }
}

// The first write: what another run has left in a folder that was asked for makes room.
void CSVLogger::begin() {
  if (std::exchange(begun_, true)) return;
  file_ = run_.folder() / "metrics.csv";
  if (!fs::exists(file_)) return;
  warn("the folder " + run_.folder().string() +
       " is not empty; its metrics.csv of an earlier run is removed");
  fs::remove(file_);
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
  if (std::exchange(hparams_changed_, false)) {
    with_own_errors([&] {
      course::write_text_atomically(run_.folder() / "hparams.yaml", course::yaml(hparams_));
    });
  }
  if (waiting_.empty()) return;
  begin();
  std::set<std::string> names = names_;
  for (const Row& row : waiting_) {
    for (const auto& [name, value] : row) names.insert(name);
  }
  if (names == names_) {
    std::string text;
    for (const Row& row : waiting_) text += line(row);
    with_own_errors([&] { course::append_to(file_, text); });
  } else {
    std::vector<Row> rows = read();
    rows.insert(rows.end(), waiting_.begin(), waiting_.end());
    names_ = std::move(names);
    std::string text = header();
    for (const Row& row : rows) text += line(row);
    with_own_errors([&] { course::write_text_atomically(file_, text); });
  }
  waiting_.clear();
}

std::string CSVLogger::header() const {
  std::string text;
  for (const std::string& name : names_) text += (text.empty() ? "" : ",") + cell(name);
  return text + "\n";
}

std::string CSVLogger::line(const Row& row) const {
  std::string text;
  for (const std::string& name : names_) {
    const auto found = row.find(name);
    if (name != *names_.begin()) text += ',';
    if (found != row.end()) text += found->second;
  }
  return text + "\n";
}

// The rows that are in the file: numbers and nothing, in the columns that we know.
std::vector<CSVLogger::Row> CSVLogger::read() const {
  std::vector<Row> rows;
  if (names_.empty()) return rows;
  std::ifstream file(file_, std::ios::binary);
  std::string heading(header().size(), '\0'), text;
  file.read(heading.data(), static_cast<std::streamsize>(heading.size()));
  while (std::getline(file, text)) {
    Row row;
    size_t begin = 0;
    for (const std::string& name : names_) {
      const size_t end = std::min(text.find(',', begin), text.size());
      if (end > begin) row.emplace(name, text.substr(begin, end - begin));
      begin = end + 1;
      if (begin > text.size()) break;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace lit
