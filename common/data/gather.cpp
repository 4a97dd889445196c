// Rows of a table picked out in an order, over plain memory. Compiled with -O3 (CMakeLists.txt),
// once for each width of vectors that a processor may have.
#include "data/gather.h"

#include <cstring>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__gnu_linux__)
#define COURSE_EACH_WIDTH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define COURSE_EACH_WIDTH
#endif

namespace course {
namespace {

constexpr int64_t kAhead = 4;  // rows: memory that nobody can guess is fetched early
constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kMostAhead = 1024;  // bytes of a row; the rest the processor fetches itself

inline void prefetch(const char* from, std::size_t bytes) {
#if defined(__GNUC__)
  for (std::size_t at = 0; at < bytes && at < kMostAhead; at += kCacheLine) {
    __builtin_prefetch(from + at);
  }
#endif
}

}  // namespace

void gather_rows(const void* from, const int64_t* order, int64_t rows, std::size_t row_bytes,
                 void* to) {
  const char* source = static_cast<const char*>(from);
  char* target = static_cast<char*>(to);
  for (int64_t i = 0; i < rows; ++i) {
    if (i + kAhead < rows) {
      prefetch(source + static_cast<std::size_t>(order[i + kAhead]) * row_bytes, row_bytes);
    }
    std::memcpy(target + static_cast<std::size_t>(i) * row_bytes,
                source + static_cast<std::size_t>(order[i]) * row_bytes, row_bytes);
  }
}

COURSE_EACH_WIDTH
void gather_bytes_as_float(const uint8_t* from, const int64_t* order, int64_t rows,
                           int64_t row_length, float divisor, float mean, float std, float* to) {
  const bool scaled_only = mean == 0 && std == 1;
  for (int64_t i = 0; i < rows; ++i) {
    if (i + kAhead < rows) {
      prefetch(reinterpret_cast<const char*>(from + order[i + kAhead] * row_length),
               static_cast<std::size_t>(row_length));
    }
    const uint8_t* __restrict source = from + order[i] * row_length;
    float* __restrict target = to + i * row_length;
    if (scaled_only) {
      for (int64_t j = 0; j < row_length; ++j) target[j] = static_cast<float>(source[j]) / divisor;
    } else {
      for (int64_t j = 0; j < row_length; ++j) {
        target[j] = (static_cast<float>(source[j]) / divisor - mean) / std;
      }
    }
  }
}

}  // namespace course
