// Numbers too small to be normal: what the processor makes of them.
#pragma once

namespace course {

/// While it is alive, results below the smallest normal number (1.2e-38 in float32) are 0, and such
/// inputs count as 0: in this thread, in those of libtorch's pool, and in threads that these start.
/// Then each is as it was. Nothing on processors other than x86 and 64-bit ARM.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  bool before_;
};

/// Does this thread flush them?
bool flushes_denormals();

}  // namespace course
