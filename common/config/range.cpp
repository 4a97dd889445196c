// The values that a number may have, and how a message names them.
#include "config/range.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "error.h"
#include "printable.h"
#include "terminal/format.h"

namespace course {

bool Range::contains(double value) const {
  return std::isfinite(value) && value >= least && value <= most && !(above && value == least);
}

std::string Range::describe(const std::string& kind) const {
  const bool bounded_below = least > std::numeric_limits<double>::lowest();
  const bool bounded_above = most < std::numeric_limits<double>::max();
  if (bounded_below && bounded_above) {
    return kind + " from " + short_number(least) + " to " + short_number(most);
  }
  if (bounded_below) {
    return kind + (above ? " greater than " : " of at least ") + short_number(least);
  }
  return kind;
}

const std::string& checked_text(const std::string& name, const std::string& text) {
  if (is_utf8(text)) return text;
  throw UsageError(name + " takes text in UTF-8, not '" + printable(text) + "'");
}

template <typename Number>
Number checked_number(const std::string& name, const std::string& text, const Range& range) {
  const std::string kind = std::is_integral_v<Number> ? "a whole number" : "a number";
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || !range.contains(static_cast<double>(value))) {
    throw UsageError(name + " takes " + range.describe(kind) + ", not '" + printable(text) + "'");
  }
  return value;
}

template int64_t checked_number(const std::string&, const std::string&, const Range&);
template uint64_t checked_number(const std::string&, const std::string&, const Range&);
template double checked_number(const std::string&, const std::string&, const Range&);

}  // namespace course
