// What the tests of common/data share: IDX files made to measure, and the message of an error.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "error.h"
#include "temporary_folder.h"

namespace course::testing {

/// The IDX header: `magic` and `sizes`, big-endian.
inline std::string idx_header(uint32_t magic, const std::vector<uint32_t>& sizes) {
  std::string bytes;
  const auto append = [&bytes](uint32_t number) {
    for (const int shift : {24, 16, 8, 0}) bytes += static_cast<char>(number >> shift & 0xff);
  };
  append(magic);
  for (const uint32_t size : sizes) append(size);
  return bytes;
}

/// `count` images of `side` x `side`, whose pixels count up from 0 (modulo 256).
inline std::string idx_images(uint32_t count, uint32_t side = 28) {
  std::string bytes = idx_header(0x00000803, {count, side, side});
  for (uint32_t i = 0; i < count * side * side; ++i) bytes += static_cast<char>(i & 0xff);
  return bytes;
}

inline std::string idx_labels(const std::vector<uint8_t>& labels) {
  return idx_header(0x00000801, {static_cast<uint32_t>(labels.size())}) +
         std::string(labels.begin(), labels.end());
}

/// What gzip makes of `bytes`.
inline std::string packed(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (status != Z_STREAM_END) throw std::runtime_error("deflate did not finish");
  return out;
}

/// The message of the Expected error that `action` throws.
template <typename Expected, typename Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const Expected& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "no exception";
  return "";
}

}  // namespace course::testing
