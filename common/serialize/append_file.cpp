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

void append_to(const std::filesystem::path& path, std::string_view bytes) {
  if (bytes.empty()) return;
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  int error = file < 0 ? errno : 0;
  if (file >= 0) {
    const off_t before = ::lseek(file, 0, SEEK_END);
    ssize_t written = -1;
    do {
      written = ::write(file, bytes.data(), bytes.size());
    } while (written < 0 && errno == EINTR);
    if (written < 0) error = errno;
    if (written >= 0 && static_cast<std::size_t>(written) < bytes.size()) {
      rlimit limit{};  // the system says why only of the next write, which may end the process
      const bool too_long = ::getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
                            limit.rlim_cur < static_cast<rlim_t>(before) + bytes.size();
      error = too_long ? EFBIG : ENOSPC;
      if (::ftruncate(file, before) != 0) error = errno;
    }
    if (::close(file) != 0 && error == 0) error = errno;
  }
  if (error != 0) {
    throw Error(path.string() + " could not be written: " + std::strerror(error) +
                "; what was there before is unchanged");
  }
}

}  // namespace course
