// Strings of C++, which are any bytes, as Python's, which are characters.
#pragma once

#include <string>
#include <string_view>

#include "utf8.h"

namespace course {

// Python spells a byte that is not UTF-8 as one of the lone surrogates U+DC80 to U+DCFF (PEP 383;
// os.fsencode makes a path's bytes of them again), and pickles write those in three bytes each.

/// Whether `text` begins with a surrogate in three bytes, and whether it spells a byte.
inline bool begins_with_surrogate(std::string_view text) {
  return text.size() >= 3 && text[0] == '\xed' && (text[1] & '\xe0') == '\xa0' &&
         (text[2] & '\xc0') == '\x80';
}
inline bool begins_with_escape(std::string_view text) {
  return begins_with_surrogate(text) && (text[1] == '\xb2' || text[1] == '\xb3');
}

/// What a pickle holds of `text`. from_python(for_python(text)) is `text`, whatever it is.
inline std::string for_python(std::string_view text) {
  if (is_utf8(text)) return std::string(text);
  std::string result;
  while (!text.empty()) {
    const Character character = first_character(text);
    size_t taken = character.bytes;
    if (!character.valid && begins_with_surrogate(text) && !begins_with_escape(text)) taken = 3;
    if (character.valid || taken == 3) {
      result += text.substr(0, taken);
    } else {  // of U+DC00 + byte, the last six bits and those before
      result += '\xed';
      result += static_cast<char>(0xb0 | (character.code >> 6));
      result += static_cast<char>(0x80 | (character.code & 0x3f));
    }
    text.remove_prefix(taken);
  }
  return result;
}

/// The text that a pickle holds.
inline std::string from_python(std::string_view text) {
  if (text.find('\xed') == std::string_view::npos) return std::string(text);
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const bool is_escape = begins_with_escape(text);
    if (is_escape) {
      result += static_cast<char>((text[1] & 0x03) << 6 | (text[2] & 0x3f));
    } else {
      result += text[0];
    }
    text.remove_prefix(is_escape ? 3 : 1);
  }
  return result;
}

}  // namespace course
