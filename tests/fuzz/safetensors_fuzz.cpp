// Headers of safetensors files: what passes lies in the file, each tensor behind the one before.
#include <set>
#include <string>

#include "error.h"
#include "fuzz.h"
#include "serialize/safetensors_header.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile memory(data, size);
  try {
    const course::InputFile file(memory.path());
    const course::SafeTensorsHeader header = course::read_safetensors_header(file);
    uint64_t bytes = header.data;
    std::set<std::string> names;
    for (const course::SafeTensorsEntry& entry : header.entries) {
      const std::string content = file.read(header.data + entry.begin, entry.end - entry.begin);
      bytes += content.size();
      if (!names.insert(entry.name).second) abort();
    }
    if (bytes != size) abort();
  } catch (const course::Error&) {
  }
  return 0;
}
