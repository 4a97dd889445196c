// Text from a file as it may stand in a message.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "utf8.h"

namespace course {

/// `text` for a message of one line: what would move the cursor, change colours, begin a line or
/// turn the direction of writing, and what is not UTF-8, is escaped ("\n", "\x1b", "\u202e"). At
/// most `most` characters are kept, and "…" behind them.
inline std::string printable(std::string_view text, std::size_t most = 80) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto hexadecimal = [&](char32_t code, int digits) {
    std::string result;
    while (digits-- > 0) result += kDigits[code >> (4 * digits) & 0xF];
    return result;
  };
  std::string result;
  for (std::size_t count = 0; !text.empty(); ++count) {
    if (count == most) return result + "…";
    const Character character = first_character(text);
    const char32_t code = character.code;
    const bool is_mark = (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
                         (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
    if (code == '\n') {
      result += "\\n";
    } else if (!character.valid || code < 0x20 || (code >= 0x7F && code <= 0x9F)) {
      result += "\\x" + hexadecimal(code, 2);
    } else if (is_mark) {
      result += "\\u" + hexadecimal(code, 4);
    } else {
      result += text.substr(0, character.bytes);
    }
    text.remove_prefix(character.bytes);
  }
  return result;
}

}  // namespace course
