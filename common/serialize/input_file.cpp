// A file that is read at any place.
#include "serialize/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "error.h"
#include "serialize/bytes.h"

namespace course {
namespace {

[[noreturn]] void refuse(int error) {
  throw Error(std::string("cannot be read: ") + std::strerror(error));
}

}  // namespace

// Without O_NONBLOCK a pipe that nobody writes into would be waited for.
InputFile::InputFile(const std::filesystem::path& path)
    : descriptor_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {
  if (descriptor_ < 0) refuse(errno);
  struct stat facts {};
  const bool is_file = ::fstat(descriptor_, &facts) == 0 && S_ISREG(facts.st_mode);
  if (!is_file) {
    ::close(descriptor_);
    throw Error("cannot be read: it is no file");
  }
  size_ = static_cast<uint64_t>(facts.st_size);
}

InputFile::~InputFile() {
  ::close(descriptor_);
}

void InputFile::read(uint64_t offset, void* to, uint64_t size) const {
  if (offset > size_ || size > size_ - offset) refuse_damaged();
  auto* place = static_cast<char*>(to);
  while (size > 0) {
    const size_t most = std::min<uint64_t>(size, 1U << 30);
    const ssize_t count = ::pread(descriptor_, place, most, static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) refuse(errno);
    if (count == 0) refuse_damaged();
    place += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<uint64_t>(count);
  }
}

std::string InputFile::read(uint64_t offset, uint64_t size) const {
  if (offset > size_ || size > size_ - offset) refuse_damaged();  // before memory is taken
  std::string bytes(size, '\0');
  read(offset, bytes.data(), size);
  return bytes;
}

}  // namespace course
