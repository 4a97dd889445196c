// Numbers as people read them: grouped digits, durations, rates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace course {

/// 1234567 -> "1,234,567".
std::string grouped(int64_t number);

/// With so many digits after the point: decimal(0.52345, 3) -> "0.523".
std::string decimal(double number, int digits);

/// With at most so many digits in all, as %g has it: 0.25, 1e-05, 1.23e+06 (of three).
std::string short_number(double number, int digits = 6);

/// A fraction as a percentage: percent(0.8123) -> "81.2 %".
std::string percent(double fraction, int digits = 1);

/// "0.34 ms", "840 ms", "12.3 s", "1 min 02 s" or "2 h 05 min".
std::string format_duration(double seconds);

/// How many in a second: format_rate(41200, 10.0, "images") -> "4,120 images/s"; below 10 with one
/// digit after the point. "" when `seconds` is not positive.
std::string format_rate(int64_t count, double seconds, std::string_view unit);

/// A size in memory, in powers of 1024: "512 B", "1.5 KiB", "12.0 MiB".
std::string format_bytes(int64_t bytes);

/// Terminal columns that the UTF-8 `text` takes: 0 for combining marks, 2 for East Asian wide
/// characters and emoji, else 1; a byte that is not UTF-8 counts 1.
int64_t display_width(std::string_view text);

/// `text` if it takes at most `width` columns, else its beginning and "…", together at most
/// `width`.
std::string cut_to_width(std::string_view text, int64_t width);

}  // namespace course
