// Reads the pickles that torch.save writes, and runs nothing that is in them.
#pragma once

#include <functional>
#include <string>

#include "serialize/bytes.h"
#include "serialize/value.h"

namespace course {

/// Where the storages of tensors come from.
struct StorageSource {
  std::function<uint64_t(const std::string& key)> size;        ///< in bytes
  std::function<void(const std::string& key, void* to)> read;  ///< all of them
};

/// The value of a pickle (protocols 2 to 5). Python's own reader imports and calls whatever a
/// pickle names; this one knows a handful of names and refuses every other. Sets become lists.
/// Storages are read when all else is known to be well, each once and into its place.
/// @throws Error, a sentence without a subject, for everything that is not as it must be
Value unpickle(const Bytes& pickle, const StorageSource& storages);

}  // namespace course
