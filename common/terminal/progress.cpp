// Draws progress bars: when one is due, what it shows, and how it leaves the line behind.
#include "terminal/progress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <iostream>
#include <limits>
#include <utility>
#include <vector>

namespace course {
namespace {

constexpr double kFirstDraw = 0.2, kRedraw = 0.1, kPlainLine = 10;
constexpr int64_t kWidestBar = 30, kNarrowestWithBar = 40;

double steady_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

std::string bar(int64_t width, double fraction) {
  const auto filled = static_cast<int64_t>(std::floor(fraction * static_cast<double>(width)));
  std::string text;
  for (int64_t i = 0; i < width; ++i) text += i < filled ? "━" : "─";
  return text;
}

/// Three digits wide, and 100 only when all is done.
std::string percent_of(double fraction) {
  const std::string digits = std::to_string(static_cast<int64_t>(std::floor(100 * fraction)));
  return std::string(3 - digits.size(), ' ') + digits + " %";
}

/// In whole seconds: tenths of an estimate would only flicker.
std::string time_left(double seconds) {
  return (seconds < 59.5 ? decimal(seconds, 0) + " s" : format_duration(seconds)) + " left";
}

}  // namespace

ProgressOutput ProgressOutput::standard() {
  return {&std::cout, standard_output(), steady_seconds};
}

ProgressBar::ProgressBar(std::string label, int64_t total, std::string unit, ProgressOutput output)
    : label_(std::move(label)), unit_(std::move(unit)), total_(total), output_(output) {
  if (output_.takes_signals) guard_.emplace();
  start_ = output_.seconds();
  next_draw_ = start_ + (output_.terminal.interactive ? kFirstDraw : kPlainLine);
}

ProgressBar::~ProgressBar() {
  if (finished_ || !drawn_) return;
  try {
    *output_.stream << "\r\033[K" << std::flush;
  } catch (const std::exception&) {  // a stream that throws must not end the program from here
  }
}

void ProgressBar::finish(const std::string& text) {
  if (finished_) return;
  const std::string line = close(text);
  *output_.stream << line << '\n' << std::flush;
}

std::string ProgressBar::close(const std::string& text) {
  if (finished_) return "";
  finished_ = true;
  next_draw_ = std::numeric_limits<double>::infinity();
  const double seconds = output_.seconds() - start_;
  std::string line = label_ + (text.empty() ? "" : "  " + text) + "  (" + format_duration(seconds);
  if (done_ > before_ && seconds > 0) {
    line += ", " + format_rate(done_ - before_, seconds, unit_);
  }
  if (drawn_) *output_.stream << "\r\033[K" << std::flush;
  return line + ")";
}

void ProgressBar::draw() {
  const double now = output_.seconds();
  if (output_.terminal.interactive) {
    *output_.stream << '\r' << line(now) << "\033[K" << std::flush;
    drawn_ = true;
    next_draw_ = now + kRedraw;
  } else {
    next_draw_ = now + kPlainLine;
    if (total_ > 0 && done_ >= total_) return;  // finish() has the last word
    *output_.stream << line(now) << '\n' << std::flush;
  }
}

std::string ProgressBar::line(double now) const {
  const double seconds = now - start_;
  const double fraction =
      total_ > 0 ? std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0)
                 : 0;
  // The last column stays free: a terminal may wrap as soon as it is written to.
  const int64_t room = output_.terminal.interactive ? output_.terminal.width - 1
                                                    : std::numeric_limits<int64_t>::max();
  // A bar whose width follows the terminal alone stays still while the texts behind it change.
  const bool has_bar = output_.terminal.interactive && total_ > 0 && room >= kNarrowestWithBar;

  // Most important first: the last are left out where room is short.
  std::vector<std::string> parts;
  if (has_bar) parts.push_back(bar(std::min(room / 4, kWidestBar), fraction));
  parts.push_back(total_ > 0 ? percent_of(fraction) : grouped(done_) + " " + unit_);
  if (!note_.empty()) parts.push_back(note_);
  parts.push_back(format_rate(done_ - before_, seconds, unit_));
  if (done_ > before_ && fraction > 0 && fraction < 1) {
    parts.push_back(time_left(seconds * static_cast<double>(total_ - done_) /
                              static_cast<double>(done_ - before_)));
  }

  std::string text = cut_to_width(label_, has_bar ? room / 3 : room);
  for (const std::string& part : parts) {
    if (part.empty() || display_width(text + part) + 2 > room) continue;
    text += "  " + part;
  }
  return text;
}

}  // namespace course
