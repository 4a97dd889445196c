// Files that are whole at every moment: the old one until the new one is complete.
#include "serialize/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "error.h"
#include "unfinished_file.h"

namespace course {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& path, int error) {
  throw Error(path.string() + " could not be written: " + std::strerror(error) +
              "; what was there before is unchanged");
}

// A file descriptor that is closed when it goes.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(const fs::path& path, int flags)
      : number_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }

  operator int() const { return number_; }
  bool close() {
    const int number = std::exchange(number_, -1);
    return number < 0 || ::close(number) == 0;
  }

 private:
  int number_;
};

// A file of a random name. Its lock tells others that its writer is alive, wherever that runs; a
// file system without locks is one on which nobody takes it for a leftover.
class Temporary {
 public:
  /// For the file `target` of the folder.
  Temporary(const fs::path& folder, const fs::path& target) {
    int error = EEXIST;
    for (int attempts = 0; attempts < 100 && error == EEXIST; ++attempts) {
      path_ = folder / temporary_name();
      unfinished_.emplace(path_);
      file_ = Descriptor(path_, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
      error = file_ < 0 ? errno : (lock() ? 0 : EEXIST);
    }
    if (error != 0) refuse(target, error);
  }
  ~Temporary() {
    if (!renamed_) ::unlink(path_.c_str());
  }
  Temporary(const Temporary&) = delete;
  Temporary& operator=(const Temporary&) = delete;

  int descriptor() const { return file_; }

  /// Everything is on the disk. Some file systems (NFS) say only when a descriptor is closed what
  /// they could not write: that is done with a copy, so that the lock stays.
  bool flush() { return ::fsync(file_) == 0 && Descriptor(::dup(file_)).close(); }

  bool rename_to(const fs::path& target) {
    renamed_ = ::rename(path_.c_str(), target.c_str()) == 0;
    return renamed_;
  }

 private:
  // false: somebody who looks for leftovers was faster, and removes it
  bool lock() {
    if (::flock(file_, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
    struct stat status {};
    return ::fstat(file_, &status) != 0 || status.st_nlink > 0;
  }

  fs::path path_;
  std::optional<UnfinishedFile> unfinished_;
  Descriptor file_;
  bool renamed_ = false;
};

bool is_temporary(const std::string& name) {
  return name.size() == kTemporaryPrefix.size() + 16 && name.starts_with(kTemporaryPrefix) &&
         name.find_first_not_of("0123456789abcdef", kTemporaryPrefix.size()) == std::string::npos;
}

// Removes what dead processes have left: a lock that can be taken has no owner.
void remove_leftovers(const fs::path& folder) {
  std::error_code code;
  for (fs::directory_iterator entry(folder, code), end; !code && entry != end;
       entry.increment(code)) {
    if (!is_temporary(entry->path().filename().string())) continue;
    const Descriptor file(entry->path(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK);
    if (file >= 0 && ::flock(file, LOCK_EX | LOCK_NB) == 0) ::unlink(entry->path().c_str());
  }
}

// Is this file of the folder the first, second, fourth, eighth ... of this process? Then all looks
// at a folder together take no longer than the files that are written into it.
bool is_time_to_look(const fs::path& folder) {
  static std::mutex mutex;
  static std::map<std::string, uint64_t> written;
  const std::lock_guard lock(mutex);
  return std::has_single_bit(++written[folder.string()]);
}

// Flushes the folder, so that the new name survives a loss of power. Some file systems cannot: then
// there is nothing to be done about it.
void flush_folder(const fs::path& folder) {
  const Descriptor descriptor(folder, O_RDONLY | O_DIRECTORY);
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
  if (path.filename().empty()) refuse(path, EISDIR);
  if (is_time_to_look(folder)) remove_leftovers(folder);
  Temporary file(folder, path);
  body([&](const void* data, std::size_t size) { write_all(file.descriptor(), data, size, path); });
  if (!file.flush() || !file.rename_to(path)) refuse(path, errno);
  flush_folder(folder);
}

void write_text_atomically(const fs::path& path, std::string_view text) {
  write_atomically(path, [&](const Write& write) { write(text.data(), text.size()); });
}

}  // namespace course
