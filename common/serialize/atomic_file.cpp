// Files that are whole at every moment: the old one until the new one is complete.
#include "serialize/atomic_file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "error.h"

namespace course {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& path, int error) {
  throw Error(path.string() + " could not be written: " + std::strerror(error) +
              "; what was there before is unchanged");
}

std::string temporary_prefix(const fs::path& path) {
  return "." + path.filename().string() + ".tmp.";
}

// A file descriptor that is closed when it goes.
class Descriptor {
 public:
  Descriptor(const fs::path& path, int flags) : number_(::open(path.c_str(), flags, 0666)) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  operator int() const { return number_; }
  bool close() {
    const int number = std::exchange(number_, -1);
    return number < 0 || ::close(number) == 0;
  }

 private:
  int number_;
};

// Removes what dead processes have left; those of living ones are none of our business.
void remove_leftovers(const fs::path& folder, const std::string& prefix) {
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    const std::string name = entry->path().filename().string();
    if (name.rfind(prefix, 0) != 0) continue;
    const long pid = std::strtol(name.c_str() + prefix.size(), nullptr, 10);
    std::error_code ignored;
    if (pid > 0 && kill(static_cast<pid_t>(pid), 0) != 0 && errno == ESRCH) {
      fs::remove(entry->path(), ignored);
    }
  }
}

// Flushes the folder, so that the new name survives a loss of power. Some file systems cannot: then
// there is nothing to be done about it.
void flush_folder(const fs::path& folder) {
  const Descriptor descriptor(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) ::fsync(descriptor);
}

void write_all(int descriptor, const void* data, std::size_t size, const fs::path& path) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(descriptor, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) refuse(path, written < 0 ? errno : EIO);
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
}

}  // namespace

void write_atomically(const fs::path& path, const std::function<void(const Write&)>& body) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const std::string prefix = temporary_prefix(path);
  if (path.filename().empty()) refuse(path, EISDIR);
  remove_leftovers(folder, prefix);
  const fs::path temporary = folder / (prefix + std::to_string(getpid()));
  Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC);
  if (file < 0) refuse(path, errno);
  try {
    body([&](const void* data, std::size_t size) { write_all(file, data, size, path); });
    if (::fsync(file) != 0 || !file.close()) refuse(path, errno);
    if (::rename(temporary.c_str(), path.c_str()) != 0) refuse(path, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  flush_folder(folder);
}

void write_text_atomically(const fs::path& path, std::string_view text) {
  write_atomically(path, [&](const Write& write) { write(text.data(), text.size()); });
}

}  // namespace course
