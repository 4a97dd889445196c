// What SVG pictures are written with: numbers, colours and texts.
#include "plot/svg.h"

#include <array>
#include <cstdio>

#include "plot/markup.h"
#include "terminal/format.h"

namespace course::svg {

std::string number(double value) {
  std::string text = decimal(value, 2);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text == "-0" ? "0" : text;
}

std::string escaped(std::string_view text) {
  return escaped_markup(one_line(text));
}

std::string css_color(const Ink& ink) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "#%02X%02X%02X", ink.red & 0xFF, ink.green & 0xFF,
                ink.blue & 0xFF);
  return text.data();
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view text,
                    const std::string& more) {
  if (text.empty()) return "";
  return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" text-anchor=\"" +
         std::string(anchor) + "\"" + more + ">" + escaped(text) + "</text>\n";
}

}  // namespace course::svg
