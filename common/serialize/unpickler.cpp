// Makes values, with libtorch's tensors, of what a pickle holds.
#include "serialize/unpickler.h"

#include <torch/torch.h>

#include <cstring>
#include <map>

#include "serialize/pickle_reader.h"

namespace course {
namespace {

const std::map<std::string, c10::ScalarType> kStorageTypes{
    {"float32", torch::kFloat32},
    {"float64", torch::kFloat64},
    {"float16", torch::kFloat16},
    {"bfloat16", torch::kBFloat16},
    {"uint8", torch::kUInt8},
    {"int8", torch::kInt8},
    {"int16", torch::kInt16},
    {"int32", torch::kInt32},
    {"int64", torch::kInt64},
    {"bool", torch::kBool},
    {"complex64", torch::kComplexFloat},
    {"complex128", torch::kComplexDouble},
};

// Tensors of one storage share it again.
class Values {
 public:
  explicit Values(const std::function<Bytes(const std::string&)>& storage) : load_(storage) {}

  Value of(const PickleNode& node) {
    using Kind = PickleNode::Kind;
    if (node.kind == Kind::value) return constant(node.value);
    if (node.kind == Kind::name) return node.name;
    if (node.kind == Kind::tensor) return tensor(node.tensor);
    List items;
    for (const PickleNode* item : node.items) items.push_back(of(*item));
    if (node.kind == Kind::list) return items;
    if (node.kind == Kind::tuple) return Tuple{items};
    Dict dict;
    for (size_t i = 0; i + 1 < items.size(); i += 2) dict.set(items[i], items[i + 1]);
    return dict;
  }

 private:
  static Value constant(const PickleNode::Constant& value) {
    return std::visit(
        [](const auto& content) -> Value {
          if constexpr (std::is_same_v<std::decay_t<decltype(content)>, std::monostate>) {
            return {};
          } else {
            return content;
          }
        },
        value);
  }

  torch::Tensor tensor(const PickleNode::Tensor& from) {
    torch::Tensor& flat = storages_[from.storage];
    if (!flat.defined()) {
      const Bytes bytes = load_(from.storage);
      flat = torch::empty({from.elements}, kStorageTypes.at(from.type));
      if (from.elements > 0) std::memcpy(flat.data_ptr(), bytes.data(), bytes.size());
    }
    return flat.as_strided(from.sizes, from.strides, from.offset);
  }

  const std::function<Bytes(const std::string&)>& load_;
  std::map<std::string, torch::Tensor> storages_;
};

}  // namespace

Value unpickle(const Bytes& pickle, const std::function<Bytes(const std::string&)>& storage) {
  // Each storage is read, and its checksum computed, once.
  std::map<std::string, Bytes> read;
  const std::function<Bytes(const std::string&)> once = [&](const std::string& key) {
    const auto known = read.find(key);
    return known != read.end() ? known->second : read.emplace(key, storage(key)).first->second;
  };
  PickleReader reader(pickle, once);
  return Values(once).of(reader.read());
}

}  // namespace course
