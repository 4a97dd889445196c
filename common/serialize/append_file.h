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

/// The same for a file that has been begun: false, and nothing is written, if it is gone or empty.
/// Then whoever has removed it has removed its beginning, too.
bool append_to_begun(const std::filesystem::path& path, std::string_view bytes);

}  // namespace course
