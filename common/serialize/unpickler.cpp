// Makes values, with libtorch's tensors, of what a pickle holds.
#include "serialize/unpickler.h"

#include <torch/torch.h>

#include <map>
#include <unordered_map>

#include "serialize/pickle_reader.h"
#include "serialize/python_string.h"

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

// What a pickle refers to from several places is made once, and tensors of one storage share it
// again.
class Values {
 public:
  explicit Values(const StorageSource& source) : source_(source) {}

  Value of(const PickleNode& node) {
    using Kind = PickleNode::Kind;
    switch (node.kind) {
      case Kind::boolean:
        return node.integer != 0;
      case Kind::integer:
        return node.integer;
      case Kind::number:
        return node.number;
      case Kind::name:
      case Kind::bytes:
        return std::string(node.view());
      case Kind::unusable:
        return Unusable{std::string(node.view())};
      case Kind::storage:
        return Unusable{"a storage"};
      case Kind::string:
        if (node.size < 32) return from_python(node.view());
        return once(node.text, [&] { return from_python(node.view()); });
      case Kind::tensor:
        return once(node.tensor, [&] { return tensor(*node.tensor); });
      case Kind::list:
      case Kind::tuple:
      case Kind::dict:
        return once(node.items, [&] { return container(node); });
      default:
        return {};
    }
  }

 private:
  template <typename Make>
  Value once(const void* node, Make&& make) {
    const auto known = known_.find(node);
    if (known != known_.end()) return known->second;
    return known_.emplace(node, make()).first->second;
  }

  Value container(const PickleNode& node) {
    const std::vector<PickleNode>& from = node.items->list;
    if (node.kind == PickleNode::Kind::dict) {
      Dict dict;
      for (size_t i = 0; i + 1 < from.size(); i += 2) dict.set(of(from[i]), of(from[i + 1]));
      return dict;
    }
    List items;
    items.reserve(from.size());
    for (const PickleNode& item : from) items.push_back(of(item));
    if (node.kind == PickleNode::Kind::list) return items;
    return Tuple{std::move(items)};
  }

  torch::Tensor tensor(const PickleTensor& from) {
    torch::Tensor& flat = storages_[from.storage];
    if (!flat.defined()) {
      flat = torch::empty({from.elements}, kStorageTypes.at(from.type));
      source_.read(std::string(from.storage), flat.data_ptr());
    }
    const torch::Tensor tensor = flat.as_strided(from.sizes, from.strides, from.offset);
    if (from.conjugate) return from.negative ? -tensor.conj_physical() : tensor.conj_physical();
    return from.negative ? -tensor : tensor;
  }

  const StorageSource& source_;
  std::map<std::string_view, torch::Tensor> storages_;
  std::unordered_map<const void*, Value> known_;
};

}  // namespace

Value unpickle(const Bytes& pickle, const StorageSource& storages) {
  PickleReader reader(pickle, storages.size);
  return Values(storages).of(reader.read());
}

}  // namespace course
