// Chooses the ends of an axis and the round numbers on it.
#include "plot/scale.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "terminal/format.h"

namespace course {
namespace {

constexpr std::array<int64_t, 3> kDigits{1, 2, 5};
constexpr double kLargest = 1e300;  // far enough from the limits of double for sums and quotients
constexpr double kSmallest = 1e-300;
constexpr double kRounding = 1e-9;  // of a step: how far outside a tick may lie by rounding

/// count * 10^exponent. Divides by the whole power of ten, which is exact up to 10^22, so that
/// (3, -1) is the double 0.3.
double scaled(int64_t count, int exponent) {
  const auto number = static_cast<double>(count);
  return exponent < 0 ? number / std::pow(10.0, -exponent) : number * std::pow(10.0, exponent);
}

/// count * 10^exponent as "15e5" would say it, but with one digit before the point: "1.5e6".
std::string scientific(int64_t count, int exponent) {
  if (count == 0) return "0";
  std::string digits = std::to_string(std::abs(count));
  const int power = exponent + static_cast<int>(digits.size()) - 1;
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.size() > 1) digits.insert(1, ".");
  return (count < 0 ? "-" : "") + digits + "e" + std::to_string(power);
}

/// count * 10^exponent, written the way that suits an axis whose largest number is about
/// 10^magnitude.
std::string label_of(int64_t count, int exponent, int magnitude) {
  if (magnitude >= 6 || magnitude < -4) return scientific(count, exponent);
  if (exponent < 0) return decimal(scaled(count, exponent), -exponent);
  return grouped(static_cast<int64_t>(scaled(count, exponent)));
}

int magnitude_of(double value) {
  return static_cast<int>(std::floor(std::log10(std::abs(value)) + kRounding));
}

/// The multiples of a step that lie in a stretch, by number: first * step ... last * step.
struct Multiples {
  int64_t digit;
  int exponent;
  int64_t first, last;

  Multiples(double least, double most, int64_t digit, int exponent)
      : digit(digit),
        exponent(exponent),
        first(std::llround(std::ceil(least / scaled(digit, exponent) - kRounding))),
        last(std::llround(std::floor(most / scaled(digit, exponent) + kRounding))) {}
};

/// Those of the smallest step that has at most `count`.
Multiples nice_multiples(double least, double most, int64_t count, bool whole) {
  int exponent = magnitude_of((most - least) / static_cast<double>(count));
  if (whole) exponent = std::max(exponent, 0);
  for (;; ++exponent) {
    for (const int64_t digit : kDigits) {
      const Multiples multiples(least, most, digit, exponent);
      if (multiples.last - multiples.first < count) return multiples;
    }
  }
}

}  // namespace

bool Scale::has_place(double value, Kind kind) {
  if (kind == Kind::log && !(value >= kSmallest)) return false;
  return std::abs(value) <= kLargest;
}

Scale::Scale(double least, double most, Kind kind) : least_(least), most_(most), kind_(kind) {
  if (kind == Kind::log) {
    if (most / least > 1 + kRounding) return;
    least_ = least / 3;
    most_ = most * 3;
    return;
  }
  // What differs by rounding only is no stretch either: the labels would need all 16 digits.
  const double largest = std::max(std::abs(least), std::abs(most));
  if (most - least > std::max(1e-12 * largest, kSmallest)) return;
  const double middle = (least + most) / 2;
  double half = largest < kSmallest ? 1 : largest / 2;
  if (kind == Kind::whole) half = std::max(0.5, kRounding * largest);
  least_ = middle - half;
  most_ = middle + half;
}

double Scale::fraction(double value) const {
  if (kind_ != Kind::log) return (value - least_) / (most_ - least_);
  return (std::log(value) - std::log(least_)) / (std::log(most_) - std::log(least_));
}

std::vector<Tick> Scale::ticks(int64_t count) const {
  if (count < 1) return {};
  return kind_ == Kind::log ? log_ticks(count) : linear_ticks(count);
}

std::vector<Tick> Scale::linear_ticks(int64_t count) const {
  const Multiples found = nice_multiples(least_, most_, count, kind_ == Kind::whole);
  const int64_t largest = std::max(std::abs(found.first), std::abs(found.last)) * found.digit;
  const int magnitude = largest == 0 ? 0 : magnitude_of(scaled(largest, found.exponent));
  std::vector<Tick> ticks;
  for (int64_t i = found.first; i <= found.last; ++i) {
    const int64_t number = i * found.digit;
    ticks.push_back({scaled(number, found.exponent), label_of(number, found.exponent, magnitude)});
  }
  return ticks;
}

std::vector<Tick> Scale::log_ticks(int64_t count) const {
  std::vector<Tick> all, decades;
  const int first = magnitude_of(least_), last = magnitude_of(most_);
  // Of n decades every stride-th leaves at most `count`, counted from 10^0 on.
  const auto stride = static_cast<int>((last - first + count) / count);
  for (int exponent = first; exponent <= last; ++exponent) {
    for (const int64_t digit : kDigits) {
      const double value = scaled(digit, exponent);
      if (value < least_ * (1 - kRounding) || value > most_ * (1 + kRounding)) continue;
      all.push_back({value, label_of(digit, exponent, exponent)});
      if (digit == 1 && exponent % stride == 0) decades.push_back(all.back());
    }
  }
  if (all.size() < 3) return linear_ticks(count);
  if (static_cast<int64_t>(all.size()) <= count) return all;
  if (decades.size() >= 2) return decades;
  return count == 1 ? std::vector<Tick>{all.front()} : std::vector<Tick>{all.front(), all.back()};
}

}  // namespace course
