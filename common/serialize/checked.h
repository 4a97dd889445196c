// Values of a checkpoint, each looked at before it is used: it is there, of its kind, in its range.
//
// Every function comes twice: for the value of a key in a dict, and for a value by itself, which a
// message calls by `name` ("seen[2]"). All throw an Error that names the key, what was found and
// what was expected: "step is -1, but must be a whole number from 0 to 9007199254740992".
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "error.h"
#include "serialize/value.h"

namespace course {

/// The most that a counter may have come to: no sum of a few such numbers overflows, and a double
/// has each of them.
inline constexpr int64_t kMostCounted = int64_t{1} << 53;

/// The values a number may have; both ends are among them. Without ends every finite number is;
/// infinities are where an end is one, and NaN where `nan` is set.
struct Bounds {
  double least = std::numeric_limits<double>::lowest();
  double most = std::numeric_limits<double>::max();
  bool below = false;   ///< `most` itself is out
  bool nan = false;     ///< NaN is in
  double rounding = 0;  ///< so far below `least` a number may lie by rounding

  bool contain(double number) const;
  /// "a number from 0 to 1".
  std::string text() const;
};

/// Every number, infinities and NaN among them.
inline constexpr Bounds kAnyNumber{-std::numeric_limits<double>::infinity(),
                                   std::numeric_limits<double>::infinity(), false, true};
/// A score: every number but NaN.
inline constexpr Bounds kAnyScore{-std::numeric_limits<double>::infinity(),
                                  std::numeric_limits<double>::infinity()};
/// A count that is kept as a number.
inline constexpr Bounds kCount{.least = 0, .most = static_cast<double>(kMostCounted)};
/// How long something has taken.
inline constexpr Bounds kSeconds = kCount;
/// A number that is multiplied with a learning rate and becomes a float32, which libtorch refuses
/// to make of more than 3e38.
inline constexpr double kMostFactor = 1e18;
/// A learning rate. A schedule that ends at 0 may end a rounding error below it.
inline constexpr Bounds kLearningRate{.least = 0, .most = 1e20, .rounding = 1e-12};

/// A whole number; also as a tensor of one element, as Python keeps some.
int64_t whole(const Value& value, std::string_view name, int64_t least = 0,
              int64_t most = kMostCounted);
int64_t whole(const Dict& dict, std::string_view key, int64_t least = 0,
              int64_t most = kMostCounted);

/// A number, whole or not; also as a tensor of one element.
double number(const Value& value, std::string_view name, const Bounds& bounds = {});
double number(const Dict& dict, std::string_view key, const Bounds& bounds = {});
/// A list or a tuple of numbers.
std::vector<double> numbers(const Value& value, std::string_view name, const Bounds& bounds = {});
std::vector<double> numbers(const Dict& dict, std::string_view key, const Bounds& bounds = {});

bool flag(const Value& value, std::string_view name);
bool flag(const Dict& dict, std::string_view key);
const std::string& text(const Value& value, std::string_view name);
const std::string& text(const Dict& dict, std::string_view key);
const List& list(const Value& value, std::string_view name);
const List& list(const Dict& dict, std::string_view key);
const Dict& dict(const Value& value, std::string_view name);
const Dict& dict(const Dict& from, std::string_view key);

/// A tensor of this shape and dtype.
const torch::Tensor& tensor(const Value& value, std::string_view name, torch::IntArrayRef sizes,
                            torch::ScalarType dtype);
const torch::Tensor& tensor(const Dict& dict, std::string_view key, torch::IntArrayRef sizes,
                            torch::ScalarType dtype);

/// Refuses a value: "NAME is FOUND, but must be EXPECTED".
[[noreturn]] void refuse_value(const Value& value, std::string_view name,
                               const std::string& expected);

/// Runs `action`; its errors begin with `where`: "param_groups[0]: lr is nan, but …".
template <typename Action>
decltype(auto) within(const std::string& where, Action&& action) {
  try {
    return action();
  } catch (const Error& error) {
    throw Error(where + ": " + error.what());
  }
}

}  // namespace course
