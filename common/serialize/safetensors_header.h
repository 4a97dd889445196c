// The header of a safetensors file. It knows nothing of libtorch, so that a fuzzer can read it a
// million times.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "serialize/input_file.h"

namespace course {

/// What a header says of a tensor: its type by the form's name ("F32"), its shape, and where its
/// bytes begin and end behind the header.
struct SafeTensorsEntry {
  std::string name, type;
  std::vector<int64_t> shape;
  uint64_t begin = 0, end = 0;
};

struct SafeTensorsHeader {
  std::vector<SafeTensorsEntry> entries;
  std::map<std::string, std::string> metadata;
  uint64_t data = 0;  ///< where in the file the header ends
};

/// The metadata's name, which no tensor can have.
inline const std::string kSafeTensorsMetadata = "__metadata__";
/// Bytes that a header may have, as in the reference implementation.
constexpr uint64_t kLongestSafeTensorsHeader = 100'000'000;

/// Reads the header and believes nothing: each tensor has the bytes that its type and shape need,
/// and begins where the one before ends, and the last ends with the file.
/// @throws Error, a sentence without a subject, for everything that is not as it must be
SafeTensorsHeader read_safetensors_header(const InputFile& file);

}  // namespace course
