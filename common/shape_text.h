// Tensor shapes in messages.
#pragma once

#include <c10/util/ArrayRef.h>

#include <string>

namespace course {

/// "[64, 1, 28, 28]". A stream would group the digits of large numbers by the program's locale.
inline std::string shape_text(c10::IntArrayRef sizes) {
  std::string text;
  for (const int64_t size : sizes) text += (text.empty() ? "" : ", ") + std::to_string(size);
  return "[" + text + "]";
}

}  // namespace course
