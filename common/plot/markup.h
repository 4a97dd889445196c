// Texts as a part of HTML and SVG.
#pragma once

#include <string>
#include <string_view>

namespace course {

/// With entities for what XML and HTML take for their own: & < > ".
std::string escaped_markup(std::string_view text);

}  // namespace course
