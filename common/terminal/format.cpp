// Numbers as people read them, and text measured and cut by the columns it takes on a screen.
#include "terminal/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "utf8.h"

namespace course {
namespace {

struct Interval {
  char32_t first, last;
};

template <std::size_t N>
bool is_in(const std::array<Interval, N>& intervals, char32_t code) {
  return std::any_of(intervals.begin(), intervals.end(),
                     [&](const Interval& i) { return code >= i.first && code <= i.last; });
}

// The common blocks of Unicode's combining marks, and of EastAsianWidth.txt's W and F.
constexpr std::array<Interval, 6> kCombining{{{0x0300, 0x036F},
                                              {0x1AB0, 0x1AFF},
                                              {0x1DC0, 0x1DFF},
                                              {0x200B, 0x200F},
                                              {0x20D0, 0x20FF},
                                              {0xFE00, 0xFE0F}}};
constexpr std::array<Interval, 14> kWide{{{0x1100, 0x115F},
                                          {0x231A, 0x231B},
                                          {0x23E9, 0x23EC},
                                          {0x2705, 0x2705},
                                          {0x274C, 0x274C},
                                          {0x2E80, 0x303E},
                                          {0x3041, 0xA4CF},
                                          {0xAC00, 0xD7A3},
                                          {0xF900, 0xFAFF},
                                          {0xFE30, 0xFE6F},
                                          {0xFF00, 0xFF60},
                                          {0xFFE0, 0xFFE6},
                                          {0x1F300, 0x1FAFF},
                                          {0x20000, 0x3FFFD}}};

int64_t glyph_width(char32_t code) {
  if (is_in(kCombining, code)) return 0;
  return is_in(kWide, code) ? 2 : 1;
}

// printf writes a comma where the program's locale has one.
std::string printed(double number, std::chars_format format, int digits) {
  std::array<char, 400> text{};  // the largest double has 309 digits before the point
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), number, format, digits);
  return error == std::errc() ? std::string(text.data(), end) : "?";
}

/// Whole minutes and seconds, or hours and minutes: "1 min 02 s".
std::string two_units(int64_t large, const char* large_unit, int64_t small,
                      const char* small_unit) {
  return grouped(large) + " " + large_unit + (small < 10 ? " 0" : " ") + std::to_string(small) +
         " " + small_unit;
}

}  // namespace

std::string grouped(int64_t number) {
  std::string digits = std::to_string(number);
  const std::ptrdiff_t first = number < 0 ? 1 : 0;
  for (auto i = static_cast<std::ptrdiff_t>(digits.size()) - 3; i > first; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return digits;
}

std::string decimal(double number, int digits) {
  return printed(number, std::chars_format::fixed, digits);
}

std::string short_number(double number, int digits) {
  return printed(number, std::chars_format::general, digits);
}

std::string percent(double fraction, int digits) {
  return decimal(100 * fraction, digits) + " %";
}

std::string format_duration(double seconds) {
  // Each bound is where the shorter form would round up to the next unit.
  if (seconds < 0.00995) return decimal(1000 * seconds, seconds < 0.000995 ? 2 : 1) + " ms";
  if (seconds < 0.9995) return decimal(1000 * seconds, 0) + " ms";
  if (seconds < 59.95) return decimal(seconds, 1) + " s";
  const auto whole = static_cast<int64_t>(std::llround(seconds));
  if (whole < 3600) return two_units(whole / 60, "min", whole % 60, "s");
  const auto minutes = static_cast<int64_t>(std::llround(seconds / 60));
  return two_units(minutes / 60, "h", minutes % 60, "min");
}

std::string format_rate(int64_t count, double seconds, std::string_view unit) {
  if (!(seconds > 0)) return "";
  const double rate = static_cast<double>(count) / seconds;
  const std::string number =
      rate < 9.95 ? decimal(rate, 1) : grouped(static_cast<int64_t>(std::llround(rate)));
  return number + " " + std::string(unit) + "/s";
}

std::string format_bytes(int64_t bytes) {
  if (std::abs(bytes) < 1024) return std::to_string(bytes) + " B";
  constexpr std::array<const char*, 5> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB"};
  double size = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  // 1023.95 would be shown as 1024.0 of this unit.
  for (; std::abs(size) >= 1023.95 && unit + 1 < kUnits.size(); ++unit) size /= 1024;
  return decimal(size, 1) + " " + kUnits[unit];
}

int64_t display_width(std::string_view text) {
  int64_t width = 0;
  while (!text.empty()) {
    const Character glyph = first_character(text);
    width += glyph_width(glyph.code);
    text.remove_prefix(glyph.bytes);
  }
  return width;
}

std::string cut_to_width(std::string_view text, int64_t width) {
  if (display_width(text) <= width) return std::string(text);
  if (width < 1) return "";
  std::size_t kept = 0;
  int64_t used = 1;  // the ellipsis
  while (true) {
    const Character glyph = first_character(text.substr(kept));
    used += glyph_width(glyph.code);
    if (used > width) return std::string(text.substr(0, kept)) + "…";
    kept += glyph.bytes;
  }
}

}  // namespace course
