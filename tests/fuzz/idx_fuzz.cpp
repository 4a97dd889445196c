// IDX files of images and labels, packed or not: what passes has as many bytes as it says.
#include "data/idx.h"
#include "error.h"
#include "fuzz.h"

namespace {

void read(torch::Tensor (*reader)(const std::filesystem::path&), const std::string& path) {
  try {
    const torch::Tensor tensor = reader(path);
    volatile unsigned sum = 0;
    for (size_t i = 0; i < tensor.count(); ++i) sum = sum + tensor.bytes()[i];
  } catch (const course::Error&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  read(course::read_idx_images, file.path());
  read(course::read_idx_labels, file.path());
  return 0;
}
