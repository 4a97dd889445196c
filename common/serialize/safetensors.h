// The safetensors form: named tensors and nothing that could be run.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "serialize/value.h"

namespace course {

/// What a safetensors file holds.
struct SafeTensors {
  Dict tensors;  ///< by name
  std::map<std::string, std::string> metadata;
};

/// Writes named tensors, as huggingface's safetensors reads them in Python, Rust and elsewhere.
/// Atomic (atomic_file.h).
/// @param tensors names to dense tensors of any device
/// @throws Error if a value is no tensor or of a dtype that the form has not, a text is not UTF-8,
/// a tensor is called __metadata__, or the file cannot be written
void write_safetensors(const std::filesystem::path& path, const Dict& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Reads such a file; tensors come out on the CPU.
/// @throws Error with the path, if the header, a dtype, a shape or an offset is not as it must be,
/// or tensors overlap
SafeTensors read_safetensors(const std::filesystem::path& path);

}  // namespace course
