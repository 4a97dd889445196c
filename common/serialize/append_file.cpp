// Files that grow by whole records: logs that are read while they are written.
#include "serialize/append_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "error.h"

namespace course {
namespace {

// What errno says of it; 0: nothing.
int append(int file, off_t before, std::string_view bytes) {
  ssize_t written = -1;
  do {
    written = ::write(file, bytes.data(), bytes.size());
  } while (written < 0 && errno == EINTR);
  if (written < 0) return errno;
  if (static_cast<std::size_t>(written) == bytes.size()) return 0;
  if (::ftruncate(file, before) != 0) return errno;
  rlimit limit{};  // the system says why only of the next write, which may end the process
  const bool too_long = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                        limit.rlim_cur < static_cast<rlim_t>(before) + bytes.size();
  return too_long ? EFBIG : ENOSPC;
}

bool begins_with(int file, std::string_view beginning) {
  std::string found(beginning.size(), '\0');
  return ::pread(file, found.data(), found.size(), 0) == static_cast<ssize_t>(found.size()) &&
         found == beginning;
}

// Is it written? Only to a file with this beginning, unless that is "".
bool append(const std::filesystem::path& path, std::string_view bytes, std::string_view beginning) {
  if (bytes.empty()) return true;
  const bool begun = !beginning.empty();
  const int flags = O_APPEND | O_CLOEXEC | (begun ? O_RDWR : O_WRONLY | O_CREAT);
  const int file = ::open(path.c_str(), flags, 0666);
  int error = file < 0 ? errno : 0;
  if (begun && error == ENOENT) return false;
  bool skipped = false;
  if (file >= 0) {
    skipped = begun && !begins_with(file, beginning);
    if (!skipped) error = append(file, ::lseek(file, 0, SEEK_END), bytes);
    if (::close(file) != 0 && error == 0) error = errno;
  }
  if (error != 0) {
    throw Error(path.string() + " could not be written: " + std::strerror(error) +
                "; what was there before is unchanged");
  }
  return !skipped;
}

}  // namespace

void append_to(const std::filesystem::path& path, std::string_view bytes) {
  append(path, bytes, "");
}

bool append_to_begun(const std::filesystem::path& path, std::string_view beginning,
                     std::string_view bytes) {
  return append(path, bytes, beginning);
}

}  // namespace course
