// Files that grow by whole records: logs that are read while they are written.
#pragma once

#include <filesystem>
#include <string_view>

namespace course {

/// Appends bytes to a file, which is made if it is not there, in one call of the system. Where that
/// writes less (a full disk, a limit on its size), the file is cut back to what it was.
/// @throws Error "... could not be written: No space left on device; what was there before is
/// unchanged"
void append_to(const std::filesystem::path& path, std::string_view bytes);

/// The same for a file that begins with `beginning`, which is not "": false, and nothing is
/// written, where there is no such file. It may have been removed, and a log without its beginning
/// cannot be read.
bool append_to_begun(const std::filesystem::path& path, std::string_view beginning,
                     std::string_view bytes);

}  // namespace course
