// The values that a number may have, and how a message names them.
#pragma once

#include <limits>
#include <string>

namespace course {

/// Both ends are allowed, unless `above` is set: then the lower one is not.
struct Range {
  double least = std::numeric_limits<double>::lowest();
  double most = std::numeric_limits<double>::max();
  bool above = false;

  /// Neither NaN nor infinities are in any range.
  bool contains(double value) const;
  /// "a whole number of at least 1", "a number from 0 to 1"; `kind` is the beginning.
  std::string describe(const std::string& kind) const;
};

/// The range [least, infinity).
inline Range at_least(double least) {
  return {.least = least};
}
/// The range (bound, infinity).
inline Range greater_than(double bound) {
  return {.least = bound, .above = true};
}
/// The range [least, most].
inline Range between(double least, double most) {
  return {.least = least, .most = most};
}

/// `text` if it is UTF-8, or UsageError: "--run-dir takes text in UTF-8, not 'caf\xe9'".
const std::string& checked_text(const std::string& name, const std::string& text);

/// All of `text` as a number in `range`, or UsageError: "--epochs takes a whole number of at least
/// 1, not 'many'". Defined for int64_t, uint64_t and double.
/// @param name what the number is called where the user wrote it: "--epochs"
template <typename Number>
Number checked_number(const std::string& name, const std::string& text, const Range& range);

}  // namespace course
