// TensorBoard's event files: records with checksums, each of them one protocol buffer.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace lit {

/// A protocol buffer, field by field (protobuf.dev/programming-guides/encoding).
class Message {
 public:
  Message& whole(int field, uint64_t value);
  Message& number(int field, double value);
  Message& single(int field, float value);
  Message& bytes(int field, std::string_view value);
  Message& message(int field, const Message& value) { return bytes(field, value.bytes_); }
  Message& numbers(int field, const std::vector<double>& values);

  const std::string& bytes() const { return bytes_; }

 private:
  void key(int field, unsigned wire_type);
  void varint(uint64_t value);

  std::string bytes_;
};

/// CRC-32C (Castagnoli), as RFC 3720 has it: of "123456789" it is e3069283.
uint32_t crc32c(std::string_view bytes);

/// Appends events to events.out.tfevents.TIME.HOST.PID.N in a folder. Records wait until flush(),
/// which writes all of them by one call of the system: a reader sees whole records, at any moment
/// and whatever ends the process. A file that is removed while it is written is started again, with
/// a warning.
class EventFile {
 public:
  explicit EventFile(std::filesystem::path folder);
  /// Flushes; what cannot be written then is lost.
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  /// One summary value (tag and content), at a step, now.
  void add(const Message& value, int64_t step);
  /// Writes what waits; the folder and the file are made if they are not there.
  /// @throws Error if it cannot be written; the records of before are whole, and those that wait
  /// go on waiting
  void flush();

  /// Where the events go.
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::string beginning_;  // the record that says what the file is
  std::string waiting_;
  bool begun_ = false;
};

}  // namespace lit
