// SimpleProfiler: how often, and how long, for each action.
#include "lit/profilers/simple_profiler.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cctype>
#include <utility>
#include <vector>

#include "lit/core/clock.h"
#include "lit/error.h"
#include "terminal/table.h"

namespace lit {

SimpleProfiler::SimpleProfiler(Options options)
    : Profiler(options.dirpath, options.filename),
      options_(std::move(options)),
      start_(steady_seconds()) {}

void SimpleProfiler::start(const std::string& action) {
  if (!running_.emplace(action, steady_seconds()).second) {
    throw Error("the profiler was told to start " + action + ", which runs already");
  }
}

void SimpleProfiler::stop(const std::string& action) {
  const double now = steady_seconds();
  const auto found = running_.find(action);
  if (found == running_.end()) {
    throw Error("the profiler was told to stop " + action + ", which does not run");
  }
  Recorded& recorded = recorded_[action];
  ++recorded.calls;
  recorded.seconds += now - found->second;
  running_.erase(found);
}

std::string SimpleProfiler::summary() {
  if (recorded_.empty()) return "";
  const double total = steady_seconds() - start_;
  std::vector<std::pair<std::string, Recorded>> rows(recorded_.begin(), recorded_.end());
  const auto mean = [](const Recorded& one) {
    return one.seconds / static_cast<double>(one.calls);
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const auto& a, const auto& b) {
    return options_.extended ? a.second.seconds > b.second.seconds
                             : mean(a.second) > mean(b.second);
  });
  const auto digits = [](double number) { return fmt::format("{:.5g}", number); };
  std::string title = stage();
  for (char& c : title) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  using course::left;
  using course::right;
  std::vector<course::Column> columns{left("Action"), right("Mean duration (s)")};
  if (options_.extended) columns.push_back(right("Num calls"));
  columns.push_back(right("Total time (s)"));
  if (options_.extended) columns.push_back(right("Percentage %"));
  course::Table table(columns);
  if (options_.extended) {
    int64_t calls = 0;
    for (const auto& [action, one] : rows) calls += one.calls;
    table.row({"Total", "-", std::to_string(calls), digits(total), "100 %"}).rule();
  }
  for (const auto& [action, one] : rows) {
    std::vector<std::string> row{action, digits(mean(one))};
    if (options_.extended) row.push_back(std::to_string(one.calls));
    row.push_back(digits(one.seconds));
    if (options_.extended) row.push_back(digits(100 * one.seconds / total));
    table.row(std::move(row));
  }
  const course::Terminal wide{.width = 1000};  // the names of actions are what one looks for
  return (title.empty() ? "" : title + " ") + "Profiler Report\n\n" + table.text(wide);
}

}  // namespace lit
