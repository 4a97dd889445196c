// Reads the records of a zip file (PKWARE's APPNOTE.TXT, 6.3.10) that stores them uncompressed.
#include "serialize/zip_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "error.h"

namespace course {
namespace {

constexpr uint64_t kLocalHeader = 0x04034b50, kEntry = 0x02014b50, kEnd = 0x06054b50;
constexpr uint64_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint64_t kSee64 = 0xffffffff;  // "the number is in the zip64 field"

[[noreturn]] void damaged() {
  throw Error("is cut short or damaged; copy it again");
}

uint32_t checksum_of(const Bytes& bytes) {
  uLong sum = crc32(0, nullptr, 0);
  for (uint64_t done = 0; done < bytes.size();) {
    const auto size = static_cast<uInt>(std::min<uint64_t>(bytes.size() - done, 1U << 30));
    sum = crc32(sum, bytes.data() + done, size);
    done += size;
  }
  return static_cast<uint32_t>(sum);
}

// The offset of the end record: the last one of its signature, behind which is only a comment.
uint64_t find_end(const Bytes& file) {
  constexpr uint64_t kSize = 22, kLongestComment = 65535;
  if (file.size() < kSize) damaged();
  const uint64_t last = file.size() - kSize;
  const uint64_t first = last > kLongestComment ? last - kLongestComment : 0;
  for (uint64_t offset = last + 1; offset-- > first;) {
    if (file.number(offset, 4) == kEnd) return offset;
  }
  damaged();
}

}  // namespace

Bytes Bytes::part(uint64_t offset, uint64_t size) const {
  if (offset > size_ || size > size_ - offset) damaged();
  return {data_ + offset, size};
}

uint64_t Bytes::number(uint64_t offset, int width) const {
  const Bytes bytes = part(offset, static_cast<uint64_t>(width));
  uint64_t value = 0;
  for (int i = width; i-- > 0;) value = value << 8 | bytes.data()[i];
  return value;
}

struct ZipReader::Mapping {
  explicit Mapping(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw Error(std::string("cannot be read: ") + std::strerror(errno));
    struct stat facts {};
    const bool regular = ::fstat(file, &facts) == 0 && S_ISREG(facts.st_mode);
    size = regular ? static_cast<uint64_t>(facts.st_size) : 0;
    if (size > 0) data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
    ::close(file);
    if (!regular) throw Error("cannot be read: it is no file");
    if (data == MAP_FAILED) throw Error(std::string("cannot be read: ") + std::strerror(errno));
  }
  ~Mapping() {
    if (data != nullptr && data != MAP_FAILED) ::munmap(data, size);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  Bytes bytes() const { return {static_cast<const unsigned char*>(data), size}; }

  void* data = nullptr;
  uint64_t size = 0;
};

ZipReader::ZipReader(const std::filesystem::path& path)
    : mapping_(std::make_unique<Mapping>(path)) {
  const Bytes file = mapping_->bytes();
  if (file.size() == 0) throw Error("is empty");
  const uint64_t begin = file.number(0, static_cast<int>(std::min<uint64_t>(file.size(), 4)));
  if (begin != kLocalHeader) {
    const bool pickle = file.data()[0] == 0x80;
    throw Error(pickle
                    ? "is a bare pickle, the form in which torch.save wrote before 1.6; load it in "
                      "Python and save it again"
                    : "is no file of torch.save (it does not begin as a zip file)");
  }
  read_directory();
}

ZipReader::~ZipReader() = default;

void ZipReader::read_directory() {
  const Bytes file = mapping_->bytes();
  const uint64_t end = find_end(file);
  uint64_t count = file.number(end + 10, 2), offset = file.number(end + 16, 4);
  if (end >= 20 && file.number(end - 20, 4) == kLocator64) {
    const uint64_t end64 = file.number(end - 20 + 8, 8);
    if (file.number(end64, 4) != kEnd64) damaged();
    count = file.number(end64 + 32, 8);
    offset = file.number(end64 + 48, 8);
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (file.number(offset, 4) != kEntry) damaged();
    const uint64_t name_size = file.number(offset + 28, 2),
                   extra_size = file.number(offset + 30, 2);
    Record record{.method = file.number(offset + 10, 2),
                  .size = file.number(offset + 24, 4),
                  .packed = file.number(offset + 20, 4),
                  .header = file.number(offset + 42, 4),
                  .checksum = static_cast<uint32_t>(file.number(offset + 16, 4))};
    const Bytes extra = file.part(offset + 46 + name_size, extra_size);
    for (uint64_t field = 0; field + 4 <= extra.size();) {
      const uint64_t size = extra.number(field + 2, 2);
      if (extra.number(field, 2) == 1) {  // zip64: those numbers that had no room, in this order
        uint64_t at = field + 4;
        for (uint64_t* number : {&record.size, &record.packed, &record.header}) {
          if (*number != kSee64) continue;
          *number = extra.number(at, 8);
          at += 8;
        }
      }
      field += 4 + size;
    }
    records_[file.part(offset + 46, name_size).text()] = record;
    offset += 46 + name_size + extra_size + file.number(offset + 32, 2);
  }
}

std::string ZipReader::folder_of(const std::string& name) const {
  for (const auto& [record, facts] : records_) {
    const size_t slash = record.rfind('/');
    const size_t begin = slash == std::string::npos ? 0 : slash + 1;
    if (record.compare(begin, std::string::npos, name) == 0) return record.substr(0, begin);
  }
  throw Error("is a zip file, but no file of torch.save (it has no " + name + ")");
}

Bytes ZipReader::read(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) throw Error("is damaged: its record " + name + " is missing");
  const Record& record = found->second;
  if (record.method != 0 || record.size != record.packed) {
    throw Error("has compressed records, which torch.save never writes; unpack and store them");
  }
  const Bytes file = mapping_->bytes();
  if (file.number(record.header, 4) != kLocalHeader) damaged();
  const uint64_t behind =
      record.header + 30 + file.number(record.header + 26, 2) + file.number(record.header + 28, 2);
  const Bytes content = file.part(behind, record.size);
  if (checksum_of(content) != record.checksum) {
    throw Error("is damaged: the checksum of its record " + name + " is wrong; copy it again");
  }
  return content;
}

}  // namespace course
