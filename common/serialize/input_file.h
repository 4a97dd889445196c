// A file that is read at any place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace course {

/// An open file. It is read and not mapped: one that somebody cuts short meanwhile gives an Error,
/// and no signal. All errors are sentences without a subject: who called puts the path in front.
class InputFile {
 public:
  /// @throws Error "cannot be read: No such file or directory", also for what is no regular file
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  uint64_t size() const { return size_; }
  /// @throws Error "is cut short or damaged" if the bytes are not all there
  void read(uint64_t offset, void* to, uint64_t size) const;
  std::string read(uint64_t offset, uint64_t size) const;

 private:
  int descriptor_;
  uint64_t size_ = 0;
};

}  // namespace course
