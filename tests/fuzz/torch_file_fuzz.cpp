// What a fuzzer runs: files of torch.save, and pickles by themselves, as bytes from anywhere. They
// may be refused with an Error; anything else is a finding.
//
// Built as a program it replays the files it is given, which the tests do with the corpus. For a
// fuzzer see run.sh.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "error.h"
#include "serialize/pickle_reader.h"
#include "serialize/zip_reader.h"

namespace {

using course::Bytes;

// Touches every number of every tensor, as a copy would.
uint64_t sum_of(const course::PickleNode& node,
                const std::function<Bytes(const std::string&)>& storage, int64_t& budget) {
  uint64_t sum = 0;
  if (node.kind == course::PickleNode::Kind::tensor) {
    const Bytes bytes = storage(node.tensor.storage);
    const uint64_t width =
        node.tensor.elements == 0 ? 1 : bytes.size() / static_cast<uint64_t>(node.tensor.elements);
    int64_t last = node.tensor.offset;
    for (size_t i = 0; i < node.tensor.sizes.size(); ++i) {
      if (node.tensor.sizes[i] == 0) return 0;
      last += (node.tensor.sizes[i] - 1) * node.tensor.strides[i];
    }
    sum += bytes.part(static_cast<uint64_t>(last) * width, width).data()[0];
  }
  for (const course::PickleNode* item : node.items) {
    if (--budget < 0) return sum;
    sum += sum_of(*item, storage, budget);
  }
  return sum;
}

void read_pickle(const Bytes& pickle, const std::function<Bytes(const std::string&)>& storage) {
  course::PickleReader reader(pickle, storage);
  int64_t budget = 100'000;
  volatile uint64_t sum = sum_of(reader.read(), storage, budget);
  (void)sum;
}

void read_file(const uint8_t* data, size_t size) {
  const int file = memfd_create("fuzz", 0);
  if (file < 0 || write(file, data, size) != static_cast<ssize_t>(size)) abort();
  try {
    const course::ZipReader zip("/proc/self/fd/" + std::to_string(file));
    const std::string folder = zip.folder_of("data.pkl");
    read_pickle(zip.read(folder + "data.pkl"),
                [&](const std::string& key) { return zip.read(folder + "data/" + key); });
  } catch (const course::Error&) {
  }
  close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 2 && std::memcmp(data, "PK", 2) == 0) {
    read_file(data, size);
    return 0;
  }
  static const unsigned char kStorage[64] = {};
  try {
    read_pickle(Bytes(data, size), [](const std::string& key) {
      if (key != "0") throw course::Error("is cut short or damaged");
      return Bytes(kStorage, sizeof kStorage);
    });
  } catch (const course::Error&) {
  }
  return 0;
}

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
