// Reads the records of a zip file (PKWARE's APPNOTE.TXT, 6.3.10) that stores them uncompressed.
#include "serialize/zip_reader.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "error.h"
#include "printable.h"
#include "serialize/bytes.h"

namespace course {
namespace {

constexpr uint64_t kLocalHeader = 0x04034b50, kEntry = 0x02014b50, kEnd = 0x06054b50;
constexpr uint64_t kEnd64 = 0x06064b50, kLocator64 = 0x07064b50;
constexpr uint64_t kSee64 = 0xffffffff;  // "the number is in the zip64 field"
constexpr uint64_t kLocalSize = 30, kEntrySize = 46, kEndSize = 22, kLocatorSize = 20,
                   kEnd64Size = 56;

// The offset of the end record: the last one of its signature, behind which is only a comment.
uint64_t find_end(const Bytes& tail) {
  if (tail.size() < kEndSize) refuse_damaged();
  for (uint64_t offset = tail.size() - kEndSize + 1; offset-- > 0;) {
    if (tail.number(offset, 4) == kEnd) return offset;
  }
  refuse_damaged();
}

}  // namespace

ZipReader::ZipReader(const std::filesystem::path& path) : file_(path) {
  if (file_.size() == 0) throw Error("is empty");
  const std::string begin = file_.read(0, std::min<uint64_t>(file_.size(), 4));
  if (Bytes(begin.data(), begin.size()).number(0, static_cast<int>(begin.size())) != kLocalHeader) {
    const bool pickle = begin[0] == '\x80';
    throw Error(pickle
                    ? "is a bare pickle, the form in which torch.save wrote before 1.6; load it in "
                      "Python and save it again"
                    : "is no file of torch.save (it does not begin as a zip file)");
  }
  read_directory();
}

void ZipReader::read_directory() {
  constexpr uint64_t kLongestComment = 65535;
  const uint64_t tail_size = std::min(file_.size(), kLocatorSize + kEndSize + kLongestComment);
  const std::string tail_bytes = file_.read(file_.size() - tail_size, tail_size);
  const Bytes tail(tail_bytes.data(), tail_bytes.size());
  const uint64_t end = find_end(tail);
  uint64_t count = tail.number(end + 10, 2), begin = tail.number(end + 16, 4);
  if (end >= kLocatorSize && tail.number(end - kLocatorSize, 4) == kLocator64) {
    const std::string bytes = file_.read(tail.number(end - kLocatorSize + 8, 8), kEnd64Size);
    const Bytes end64(bytes.data(), bytes.size());
    if (end64.number(0, 4) != kEnd64) refuse_damaged();
    count = end64.number(32, 8);
    begin = end64.number(48, 8);
  }
  const uint64_t directory_end = file_.size() - tail_size + end;
  if (begin > directory_end) refuse_damaged();
  const std::string bytes = file_.read(begin, directory_end - begin);
  const Bytes directory(bytes.data(), bytes.size());
  uint64_t offset = 0;
  for (uint64_t i = 0; i < count; ++i) {
    if (directory.number(offset, 4) != kEntry) refuse_damaged();
    const uint64_t name_size = directory.number(offset + 28, 2),
                   extra_size = directory.number(offset + 30, 2);
    Record record{.method = directory.number(offset + 10, 2),
                  .size = directory.number(offset + 24, 4),
                  .packed = directory.number(offset + 20, 4),
                  .header = directory.number(offset + 42, 4),
                  .checksum = static_cast<uint32_t>(directory.number(offset + 16, 4))};
    const Bytes extra = directory.part(offset + kEntrySize + name_size, extra_size);
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
    const std::string name(directory.part(offset + kEntrySize, name_size).text());
    if (!records_.emplace(name, record).second) {
      throw Error("is damaged: it has two records called " + printable(name));
    }
    offset += kEntrySize + name_size + extra_size + directory.number(offset + 32, 2);
  }
  refuse_overlaps(begin);
}

// A place that many records share would be read as often as there are records.
void ZipReader::refuse_overlaps(uint64_t directory) {
  std::vector<std::map<std::string, Record>::value_type*> order;
  for (auto& record : records_) order.push_back(&record);
  std::sort(order.begin(), order.end(),
            [](const auto* a, const auto* b) { return a->second.header < b->second.header; });
  for (size_t i = 0; i < order.size(); ++i) {
    auto& [name, record] = *order[i];
    record.end = i + 1 < order.size() ? order[i + 1]->second.header : directory;
    const uint64_t room = record.end > record.header ? record.end - record.header : 0;
    const uint64_t header = kLocalSize + name.size();
    if (room < header || record.packed > room - header) {
      throw Error("is cut short or damaged: its record " + printable(name) +
                  " overlaps another, or the end; copy it again");
    }
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

const ZipReader::Record& ZipReader::find(const std::string& name) const {
  const auto found = records_.find(name);
  if (found == records_.end()) {
    throw Error("is damaged: its record " + printable(name) + " is missing");
  }
  const Record& record = found->second;
  if (record.method != 0 || record.size != record.packed) {
    throw Error("has compressed records, which torch.save never writes; unpack and store them");
  }
  return record;
}

void ZipReader::read(const std::string& name, void* to) const {
  constexpr uint64_t kAtOnce = 256 * 1024;  // stays in the cache until its checksum is computed
  const Record& record = find(name);
  // Most records are small: their headers come with them, in one call of the system.
  const std::string begin =
      file_.read(record.header, std::min(record.end - record.header, uint64_t{8192}));
  const Bytes header(begin.data(), begin.size());
  if (header.number(0, 4) != kLocalHeader) refuse_damaged();
  const uint64_t offset = kLocalSize + header.number(26, 2) + header.number(28, 2);
  if (offset + record.size > record.end - record.header) refuse_damaged();
  auto* place = static_cast<unsigned char*>(to);
  uLong sum = crc32(0, nullptr, 0);
  for (uint64_t done = 0; done < record.size;) {
    const bool is_here = done == 0 && offset < begin.size();
    const uint64_t size = std::min(record.size - done, is_here ? begin.size() - offset : kAtOnce);
    if (is_here) {
      std::memcpy(place, begin.data() + offset, size);
    } else {
      file_.read(record.header + offset + done, place + done, size);
    }
    sum = crc32(sum, place + done, static_cast<uInt>(size));
    done += size;
  }
  if (sum != record.checksum) {
    throw Error("is damaged: the checksum of its record " + printable(name) +
                " is wrong; copy it again");
  }
}

std::string ZipReader::read(const std::string& name) const {
  std::string content(size_of(name), '\0');
  read(name, content.data());
  return content;
}

}  // namespace course
