// Files of torch.save, and pickles by themselves.
#include <cstring>
#include <functional>
#include <map>
#include <string>

#include "error.h"
#include "fuzz.h"
#include "serialize/pickle_reader.h"
#include "serialize/zip_reader.h"

namespace {

using course::Bytes;
using course::PickleNode;

// Touches the last number of every tensor, as a copy would.
uint64_t sum_of(const PickleNode& node, const std::function<Bytes(const std::string&)>& storage,
                int64_t& budget) {
  using Kind = PickleNode::Kind;
  uint64_t sum = 0;
  if (node.kind == Kind::tensor) {
    const course::PickleTensor& tensor = *node.tensor;
    const Bytes bytes = storage(std::string(tensor.storage));
    int64_t last = tensor.offset;
    for (size_t i = 0; i < tensor.sizes.size(); ++i) {
      if (tensor.sizes[i] == 0) return 0;
      last += (tensor.sizes[i] - 1) * tensor.strides[i];
    }
    return bytes.part(static_cast<uint64_t>(last) * tensor.width, tensor.width).data()[0];
  }
  if (node.kind == Kind::string || node.kind == Kind::name || node.kind == Kind::bytes ||
      node.kind == Kind::unusable) {
    for (const char c : node.view()) sum += static_cast<unsigned char>(c);
  }
  if (node.kind == Kind::list || node.kind == Kind::tuple || node.kind == Kind::dict) {
    for (const PickleNode& item : node.items->list) {
      if (--budget < 0) return sum;
      sum += sum_of(item, storage, budget);
    }
  }
  return sum;
}

void read_pickle(const Bytes& pickle, const std::function<Bytes(const std::string&)>& storage) {
  course::PickleReader reader(pickle, [&](const std::string& key) { return storage(key).size(); });
  int64_t budget = 100'000;
  volatile uint64_t sum = sum_of(reader.read(), storage, budget);
  (void)sum;
}

void read_file(const uint8_t* data, size_t size) {
  const MemoryFile file(data, size);
  try {
    const course::ZipReader zip(file.path());
    const std::string folder = zip.folder_of("data.pkl");
    const std::string pickle = zip.read(folder + "data.pkl");
    std::map<std::string, std::string> storages;
    read_pickle({pickle.data(), pickle.size()}, [&](const std::string& key) {
      if (storages.count(key) == 0) storages[key] = zip.read(folder + "data/" + key);
      return Bytes(storages[key].data(), storages[key].size());
    });
  } catch (const course::Error&) {
  }
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
      if (key != "0") course::refuse_damaged();
      return Bytes(kStorage, sizeof kStorage);
    });
  } catch (const course::Error&) {
  }
  return 0;
}
