// Reads the records of a zip file that stores them uncompressed, as torch.save does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "serialize/input_file.h"

namespace course {

/// A zip file whose records have places and names of their own. All errors are sentences without a
/// subject: who called puts the path in front.
class ZipReader {
 public:
  /// @throws Error for a file that is missing, no zip file, cut short, or says of one place that it
  /// holds two records
  explicit ZipReader(const std::filesystem::path& path);

  bool has(const std::string& name) const { return records_.count(name) > 0; }
  /// "archive/" for the record archive/data.pkl. @throws Error if there is no such record
  std::string folder_of(const std::string& file) const;
  /// How many bytes a record has, at most as many as the file.
  /// @throws Error if it is missing or compressed
  uint64_t size_of(const std::string& name) const { return find(name).size; }
  /// The content of a record, to where there is room for it.
  /// @throws Error if it is missing, compressed, or its checksum is not that of its content
  void read(const std::string& name, void* to) const;
  std::string read(const std::string& name) const;

 private:
  struct Record {
    uint64_t method, size, packed, header;
    uint32_t checksum;
    uint64_t end = 0;  ///< where the next record begins, or the directory
  };

  void read_directory();
  void refuse_overlaps(uint64_t directory);
  const Record& find(const std::string& name) const;

  InputFile file_;
  std::map<std::string, Record> records_;
};

}  // namespace course
