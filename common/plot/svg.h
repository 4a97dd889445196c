// What SVG pictures are written with: numbers, colours and texts.
#pragma once

#include <string>
#include <string_view>

#include "plot/layout.h"

namespace course::svg {

/// At most two digits after the point, and none that say nothing.
std::string number(double value);

/// "#0072B2".
std::string css_color(const Ink& ink);

/// A text on one line, with entities for what XML takes for its own.
std::string escaped(std::string_view text);

/// A text element, or nothing for no text.
/// @param anchor "start", "middle" or "end": which part of the text is at x
/// @param more further attributes, each with a space in front
std::string text_at(double x, double y, std::string_view anchor, std::string_view text,
                    const std::string& more = "");

}  // namespace course::svg
