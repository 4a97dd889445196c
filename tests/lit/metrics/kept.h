// Metrics: cases with the values that torchmetrics gave (cases.jsonl).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <string>

#include "cases.h"

namespace lit::cases {

// To a float32's digits, in which torchmetrics counts.
inline void expect_same(const Json& found, const Json& wanted, const std::string& where) {
  if (wanted.is_number() && found.is_number()) {
    const auto value = wanted.get<double>();
    EXPECT_NEAR(found.get<double>(), value, 2e-5 * std::max(1.0, std::abs(value))) << where;
    return;
  }
  const bool has_parts = wanted.is_structured() && found.is_structured();
  ASSERT_TRUE(has_parts ? wanted.size() == found.size() : wanted == found)
      << where << ": " << found << ", not " << wanted;
  if (wanted.is_array()) {
    for (size_t i = 0; i < wanted.size(); ++i) expect_same(found[i], wanted[i], where);
  } else if (wanted.is_object()) {
    for (const auto& [name, value] : wanted.items()) {
      ASSERT_TRUE(found.contains(name)) << where << ": " << name;
      expect_same(found.at(name), value, where + ", " + name);
    }
  }
}

/// Every one of them, on cases::device.
inline void expect_kept_values() {
  std::ifstream file(LIT_METRIC_CASES);
  std::map<std::string, int> count;
  for (std::string line; std::getline(file, line);) {
    const Json one = Json::parse(line);
    const Json values = run(one);
    const std::string what = one.at("make").dump();
    ASSERT_TRUE(values.is_array()) << what << ": " << values;
    for (size_t step = 0; step < values.size(); ++step) {
      expect_same(values[step], one.at("values")[step], what + ", step " + std::to_string(step));
    }
    ++count[one.at("name").get<std::string>()];
  }
  EXPECT_EQ(count.size(), 26);
  for (const auto& [name, number] : count) EXPECT_GE(number, 5) << name;
}

}  // namespace lit::cases
