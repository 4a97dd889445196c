// The version of the library.
#pragma once

namespace lit {

inline constexpr int kVersionMajor = 0;
inline constexpr int kVersionMinor = 2;
inline constexpr int kVersionPatch = 0;
inline constexpr const char* kVersion = "0.2.0";

}  // namespace lit
