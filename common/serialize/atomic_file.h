// Files that are whole at every moment: the old one until the new one is complete.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string_view>

namespace course {

/// Appends bytes to the file that is being written.
using Write = std::function<void(const void* data, std::size_t size)>;

/// Lets `body` write a file that takes the place of `path` in one step when it is complete.
/// Whatever ends the process before that, SIGKILL and loss of power included, `path` is what it
/// was.
///
/// The bytes go to a temporary file of a random name in the same folder (.tmp-course-0123...),
/// which is flushed to the disk and then renamed; the folder is flushed too. Who may read it is
/// said by the umask. A `path` that is a symbolic link is replaced; what it points to stays as it
/// is.
///
/// When `body` throws, the temporary file is removed and the exception goes on; so it is by the
/// second signal under an InterruptGuard (terminal/interrupt.h). What SIGKILL leaves is removed by
/// those who write into the folder later. They know it by its lock (flock), which the living hold.
///
/// Any number of threads and processes may write the same `path`: the last one's file stays.
/// @throws Error "... could not be written: No space left on device; what was there before is
/// unchanged"
void write_atomically(const std::filesystem::path& path,
                      const std::function<void(const Write&)>& body);

/// The same for a text.
void write_text_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace course
