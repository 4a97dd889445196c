// TensorBoard's event files: records with checksums, each of them one protocol buffer.
#include "lit/loggers/event_file.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstring>
#include <utility>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/loggers/run_version.h"
#include "serialize/append_file.h"

namespace lit {
namespace {

constexpr size_t kMost = 1 << 20;  // bytes that wait

double now() {
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(time).count();
}

template <typename T>
void append_little_endian(std::string& bytes, T value) {
  static_assert(std::endian::native == std::endian::little);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

constexpr std::array<uint32_t, 256> kCrcTable = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? 0x82F63B78U : 0U);
    table[i] = crc;
  }
  return table;
}();

// TensorFlow's: the checksum of bytes that hold checksums themselves.
uint32_t masked_crc(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xa282ead8U;
}

// A record: its length, the length's checksum, its bytes, their checksum.
std::string record(const Message& event) {
  const std::string& bytes = event.bytes();
  std::string text;
  append_little_endian(text, static_cast<uint64_t>(bytes.size()));
  append_little_endian(text, masked_crc(text));
  text += bytes;
  append_little_endian(text, masked_crc(bytes));
  return text;
}

std::string file_name() {
  static std::atomic<int> files{0};
  char host[256] = "localhost";
  if (::gethostname(host, sizeof host - 1) != 0) std::strcpy(host, "localhost");
  return fmt::format("events.out.tfevents.{:010d}.{}.{}.{}", static_cast<int64_t>(now()), host,
                     ::getpid(), files++);
}

}  // namespace

void Message::varint(uint64_t value) {
  for (; value > 127; value >>= 7) bytes_ += static_cast<char>(value | 128);
  bytes_ += static_cast<char>(value);
}

void Message::key(int field, unsigned wire_type) {
  varint(static_cast<uint64_t>(field) << 3 | wire_type);
}

Message& Message::whole(int field, uint64_t value) {
  key(field, 0);
  varint(value);
  return *this;
}

Message& Message::number(int field, double value) {
  key(field, 1);
  append_little_endian(bytes_, value);
  return *this;
}

Message& Message::single(int field, float value) {
  key(field, 5);
  append_little_endian(bytes_, value);
  return *this;
}

Message& Message::bytes(int field, std::string_view value) {
  key(field, 2);
  varint(value.size());
  bytes_ += value;
  return *this;
}

Message& Message::numbers(int field, const std::vector<double>& values) {
  key(field, 2);
  varint(values.size() * sizeof(double));
  for (const double value : values) append_little_endian(bytes_, value);
  return *this;
}

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0U;
  for (const char c : bytes) crc = kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xff] ^ (crc >> 8);
  return ~crc;
}

EventFile::EventFile(std::filesystem::path folder)
    : path_(std::move(folder) / file_name()),
      beginning_(record(Message().number(1, now()).bytes(3, "brain.Event:2"))) {}

EventFile::~EventFile() {
  try {
    flush();
  } catch (const std::exception&) {
  }
}

void EventFile::add(const Message& value, int64_t step) {
  waiting_ += record(Message()
                         .number(1, now())
                         .whole(2, static_cast<uint64_t>(step))
                         .message(5, Message().message(1, value)));
  if (waiting_.size() > kMost) flush();
}

void EventFile::flush() {
  if (begun_ && waiting_.empty()) return;
  with_own_errors([&] {
    if (begun_ && course::append_to_begun(path_, beginning_, waiting_)) return;
    detail::make_folder(path_.parent_path());
    course::append_to(path_, beginning_ + waiting_);
    if (begun_) {
      warn(path_.string() + " is gone; it is started again, without the events that were in it");
    }
    begun_ = true;
  });
  waiting_.clear();
}

}  // namespace lit
