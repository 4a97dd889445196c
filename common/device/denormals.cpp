// Numbers too small to be normal: what the processor makes of them.
#include "device/denormals.h"

#include <ATen/Parallel.h>

#include <cstdint>

#include "device/parallel.h"

#if defined(__SSE2__)
#include <xmmintrin.h>
#endif

namespace course {
namespace {

#if defined(__SSE2__)
constexpr unsigned kFlush = 0x8040;  // results, and inputs

bool flushes() {
  return (_mm_getcsr() & kFlush) == kFlush;
}
void flush(bool on) {
  _mm_setcsr(on ? _mm_getcsr() | kFlush : _mm_getcsr() & ~kFlush);
}
#elif defined(__aarch64__)
constexpr uint64_t kFlush = uint64_t{1} << 24;

uint64_t control() {
  uint64_t value = 0;
  asm volatile("mrs %0, fpcr" : "=r"(value));
  return value;
}
bool flushes() {
  return (control() & kFlush) != 0;
}
void flush(bool on) {
  const uint64_t value = on ? control() | kFlush : control() & ~kFlush;
  asm volatile("msr fpcr, %0" : : "r"(value));
}
#else
bool flushes() {
  return false;
}
void flush(bool) {}
#endif

// Here, and in each thread of the pool: every one of them gets a part.
void flush_everywhere(bool on) {
  flush(on);
  parallel_for(at::get_num_threads(), 1, [&](int64_t, int64_t) { flush(on); });
}

}  // namespace

FlushDenormals::FlushDenormals() : before_(flushes()) {
  flush_everywhere(true);
}

FlushDenormals::~FlushDenormals() {
  flush_everywhere(before_);
}

bool flushes_denormals() {
  return flushes();
}

}  // namespace course
