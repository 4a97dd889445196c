// The values that a number may have, and how a message names them.
#include "config/range.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <sstream>
#include <type_traits>

#include "error.h"

namespace course {
namespace {

std::string number_text(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

}  // namespace

bool Range::contains(double value) const {
  return std::isfinite(value) && value >= least && value <= most && !(above && value == least);
}

std::string Range::describe(const std::string& kind) const {
  const bool bounded_below = least > std::numeric_limits<double>::lowest();
  const bool bounded_above = most < std::numeric_limits<double>::max();
  if (bounded_below && bounded_above) {
    return kind + " from " + number_text(least) + " to " + number_text(most);
  }
  if (bounded_below) {
    return kind + (above ? " greater than " : " of at least ") + number_text(least);
  }
  return kind;
}

template <typename Number>
Number checked_number(const std::string& name, const std::string& text, const Range& range) {
  const std::string kind = std::is_integral_v<Number> ? "a whole number" : "a number";
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = error == std::errc() && end == text.data() + text.size();
  if (!is_number || !range.contains(static_cast<double>(value))) {
    throw UsageError(name + " takes " + range.describe(kind) + ", not '" + text + "'");
  }
  return value;
}

template int64_t checked_number(const std::string&, const std::string&, const Range&);
template uint64_t checked_number(const std::string&, const std::string&, const Range&);
template double checked_number(const std::string&, const std::string&, const Range&);

}  // namespace course
