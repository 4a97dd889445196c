// For tests that start their own program once more.
#pragma once

#include <cstring>
#include <string>
#include <vector>

extern char** environ;

namespace course::testing {

/// The variables that GoogleTest listens to (GTEST_FILTER, GTEST_TOTAL_SHARDS ...), those that are
/// set: a second process, which is meant to run one certain test, must not inherit them.
inline std::vector<std::string> gtest_variables() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (text.rfind("GTEST_", 0) == 0) names.push_back(text.substr(0, text.find('=')));
  }
  return names;
}

}  // namespace course::testing
