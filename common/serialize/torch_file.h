// The file form of Python's torch.save and torch.load.
#pragma once

#include <filesystem>

#include "serialize/value.h"

namespace course {

/// Writes `value` as a file that Python's torch.load reads, from 2.6 on also with its default
/// weights_only=True (1.13's refuses every float). Tensors are stored from the CPU, detached, each
/// with its own elements alone (not the whole storage that a view looks at); but those that
/// together are the whole of a storage share it in the file, too, and keep their strides. They
/// stream into the file one by one, and one that has to be copied for that (from a device, or as a
/// view that has gaps) is there twice until the next. A byte of a string that is not UTF-8 (of a
/// path, say) is written as Python's os.fsdecode has it, and is that byte again when it is read.
/// Atomic (atomic_file.h).
/// @throws Error if a tensor is undefined, sparse or quantised, a dict's key is no string, number,
/// bool or None, the nesting has more than 100 levels, or the file cannot be written
void write_torch_file(const std::filesystem::path& path, const Value& value);

/// Reads such a file, from C++ or Python (1.6 and newer), and runs nothing that is in it: only
/// None, bools, numbers, strings, tensors (Parameters too), lists, tuples, dicts (OrderedDicts
/// too), sets (as lists), torch.Size (a tuple), devices and dtypes (strings) are known. Every
/// record is checked against its checksum, and every tensor against its storage. Tensors come out
/// on the CPU and own their memory; those that shared a storage share it again, but for conjugate
/// and negative views, which are computed. Memory is taken in proportion to the file's size.
/// @throws Error with the path, for a file that is missing, truncated, damaged, of another form,
/// that would become much more than its size allows for, or holds a Python object that loading
/// would have to run or build
Value read_torch_file(const std::filesystem::path& path);

}  // namespace course
