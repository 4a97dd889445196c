// What standard output is: a terminal or a pipe, how wide, and which colours it shows.
#pragma once

#include <cstdint>
#include <functional>

namespace course {

/// The colours that may be written: none, the 256 of xterm, or 24-bit ones.
enum class Color { none, ansi256, truecolor };

/// A description of where text goes; fill one in by hand to see how something would look there.
struct Terminal {
  bool interactive = false;   ///< a terminal: lines can be redrawn; else a file or a pipe
  int64_t width = 80;         ///< columns
  Color color = Color::none;  ///< what pictures are painted with
};

/// Examines the open file `descriptor`. Width: the terminal's own, else $COLUMNS, else 80.
/// Colour: none when NO_COLOR is set and not empty, when TERM is "dumb", or when it is no terminal,
/// which CLICOLOR_FORCE (set, and not 0) overrides; else 24 bit when COLORTERM says truecolor or
/// 24bit, else 256 colours. (no-color.org, bixense.com/clicolors)
/// @param variable gives an environment variable's value or nullptr; std::getenv by default.
Terminal examine_terminal(int descriptor,
                          const std::function<const char*(const char*)>& variable = {});

/// Standard output, examined once.
const Terminal& standard_output();

}  // namespace course
