// Reads the pickles that torch.save writes, and runs nothing that is in them.
#pragma once

#include <functional>
#include <string>

#include "serialize/value.h"
#include "serialize/zip_reader.h"

namespace course {

/// The value of a pickle (protocols 2 to 5). Python's own reader imports and calls whatever a
/// pickle names; this one knows a handful of names and refuses every other.
/// @param storage gives the bytes of the tensor storage of that key
/// @throws Error, a sentence without a subject, for everything that is not as it must be
Value unpickle(const Bytes& pickle, const std::function<Bytes(const std::string&)>& storage);

}  // namespace course
