// Finds out what standard output is: a terminal or a pipe, how wide, and which colours it shows.
#include "terminal/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace course {
namespace {

using Variable = std::function<const char*(const char*)>;

std::string_view text_of(const Variable& variable, const char* name) {
  const char* value = variable(name);
  return value == nullptr ? "" : value;
}

int64_t width_of(int descriptor, const Variable& variable) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const std::string_view columns = text_of(variable, "COLUMNS");
  int64_t width = 0;
  const auto [end, error] = std::from_chars(columns.begin(), columns.end(), width);
  return error == std::errc() && end == columns.end() && width > 0 ? width : 80;
}

Color color_of(bool is_terminal, const Variable& variable) {
  if (!text_of(variable, "NO_COLOR").empty()) return Color::none;
  const std::string_view force = text_of(variable, "CLICOLOR_FORCE");
  const bool forced = !force.empty() && force != "0";
  if (!forced && (!is_terminal || text_of(variable, "TERM") == "dumb")) return Color::none;
  const std::string_view depth = text_of(variable, "COLORTERM");
  return depth == "truecolor" || depth == "24bit" ? Color::truecolor : Color::ansi256;
}

}  // namespace

Terminal examine_terminal(int descriptor, const Variable& variable) {
  const Variable& read =
      variable ? variable : Variable([](const char* name) { return std::getenv(name); });
  const bool is_terminal = isatty(descriptor) == 1;
  return {.interactive = is_terminal && text_of(read, "TERM") != "dumb",
          .width = width_of(descriptor, read),
          .color = color_of(is_terminal, read)};
}

const Terminal& standard_output() {
  static const Terminal terminal = examine_terminal(STDOUT_FILENO);
  return terminal;
}

}  // namespace course
