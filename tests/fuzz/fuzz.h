// What the fuzzer's targets have in common: a file for those who want a path, and the run of a
// corpus as a test.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

/// Given by each target: reads the bytes, and ends the process if anything but an Error comes of
/// it.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

/// Bytes that have a path, in memory.
class MemoryFile {
 public:
  MemoryFile(const void* data, size_t size) : number_(memfd_create("fuzz", 0)) {
    if (number_ < 0 || write(number_, data, size) != static_cast<ssize_t>(size)) abort();
  }
  ~MemoryFile() { close(number_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::string path() const { return "/proc/self/fd/" + std::to_string(number_); }

 private:
  int number_;
};

#ifndef COURSE_FUZZER
int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), {});
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }
  std::printf("%d inputs read\n", argc - 1);
  return argc > 1 ? 0 : 2;
}
#endif
