// What an evaluation has come to, as a table.
#include "lit/trainer/score_table.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <string>
#include <utility>

#include "terminal/table.h"

namespace lit {

void print_scores(bool test, const std::vector<Scores>& scores) {
  std::vector<course::Column> columns{course::left(test ? "Test metric" : "Validate metric")};
  std::vector<std::string> names;
  for (size_t i = 0; i < scores.size(); ++i) {
    columns.push_back(course::right(fmt::format("DataLoader {}", i)));
  }
  const auto bare = [](const std::string& name) {
    return name.substr(0, name.find("/dataloader_idx_"));
  };
  for (const Scores& one : scores) {
    for (const auto& [name, value] : one) {
      if (std::find(names.begin(), names.end(), bare(name)) == names.end())
        names.push_back(bare(name));
    }
  }
  if (names.empty()) return;
  course::Table table(columns);
  for (const std::string& name : names) {
    std::vector<std::string> row{name};
    for (size_t i = 0; i < scores.size(); ++i) {
      auto found = scores[i].find(name);
      if (found == scores[i].end()) {
        found = scores[i].find(fmt::format("{}/dataloader_idx_{}", name, i));
      }
      row.push_back(found == scores[i].end() ? "" : fmt::format("{:.6g}", found->second));
    }
    table.row(std::move(row));
  }
  fmt::print("{}", table.text());
}

}  // namespace lit
