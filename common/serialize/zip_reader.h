// Reads the records of a zip file that stores them uncompressed, as torch.save does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

namespace course {

/// Bytes that belong to somebody else; whoever asks for some beyond the end gets an Error.
class Bytes {
 public:
  Bytes(const unsigned char* data, uint64_t size) : data_(data), size_(size) {}

  const unsigned char* data() const { return data_; }
  uint64_t size() const { return size_; }
  std::string text() const { return {reinterpret_cast<const char*>(data_), size_}; }

  /// @throws Error "is cut short or damaged" if they are not all there
  Bytes part(uint64_t offset, uint64_t size) const;
  /// A little-endian number of `width` bytes, at most 8.
  uint64_t number(uint64_t offset, int width) const;

 private:
  const unsigned char* data_;
  uint64_t size_;
};

/// A zip file, mapped into memory. All errors are sentences without a subject: who called puts the
/// path in front.
class ZipReader {
 public:
  /// @throws Error for a file that is missing, no zip file, or cut short
  explicit ZipReader(const std::filesystem::path& path);
  ~ZipReader();
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;

  bool has(const std::string& name) const { return records_.count(name) > 0; }
  /// "archive/" for the record archive/data.pkl. @throws Error if there is no such record
  std::string folder_of(const std::string& file) const;
  /// The content of a record, which lives as long as the reader.
  /// @throws Error if it is missing, compressed, or its checksum is not that of its content
  Bytes read(const std::string& name) const;

 private:
  struct Record {
    uint64_t method, size, packed, header;
    uint32_t checksum;
  };
  struct Mapping;

  void read_directory();

  std::unique_ptr<Mapping> mapping_;
  std::map<std::string, Record> records_;
};

}  // namespace course
