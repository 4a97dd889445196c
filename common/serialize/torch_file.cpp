// The file form of Python's torch.save and torch.load.
#include "serialize/torch_file.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickler.h>
#include <torch/torch.h>

#include <algorithm>
#include <exception>
#include <map>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "error.h"
#include "serialize/atomic_file.h"
#include "serialize/dense_tensor.h"
#include "serialize/python_string.h"
#include "serialize/reading.h"
#include "serialize/unpickler.h"
#include "serialize/zip_reader.h"

namespace course {
namespace {

constexpr int kDeepest = 100;  // as many levels as are read again

// What stands in the pickle for tensors until each is written: one of the same shape and dtype, the
// memory of which nobody reads. So a copy that a tensor needs (of a device, of a view) is made when
// its turn comes, and is gone before the next.
class StoredTensors {
 public:
  /// Looks at a tensor before any is asked for. @throws Error if it cannot be stored
  void look_at(const torch::Tensor& tensor) {
    check_can_be_stored(tensor);
    if (!is_plain(tensor)) return;
    Storage& storage = storages_[tensor.storage().unsafeGetStorageImpl()];
    const auto begin = static_cast<uint64_t>(tensor.storage_offset()) * tensor.element_size();
    storage.has_several_dtypes |= !storage.parts.empty() && storage.dtype != tensor.scalar_type();
    storage.dtype = tensor.scalar_type();
    storage.parts.emplace_back(begin, begin + tensor.nbytes());
  }
  torch::Tensor stand_in(const torch::Tensor& tensor) {
    if (is_stored_whole(tensor)) {
      if (tensor.is_cpu()) return tensor.detach();
      return known(flat(tensor.detach()))
          .as_strided(tensor.sizes(), tensor.strides(), tensor.storage_offset());
    }
    return known(tensor);
  }
  /// What a stand-in stands for, as it is stored.
  torch::Tensor content(const torch::Tensor& stand_in) const {
    const auto found = contents_.find(stand_in.storage().unsafeGetStorageImpl());
    return found == contents_.end() ? flat(stand_in) : dense_on_cpu(found->second);
  }

 private:
  struct Storage {
    std::vector<std::pair<uint64_t, uint64_t>> parts;  // bytes, from and to
    torch::ScalarType dtype = torch::kFloat32;
    bool has_several_dtypes = false;
    std::optional<bool> is_whole;
  };

  static bool is_plain(const torch::Tensor& tensor) {
    return tensor.has_storage() && tensor.is_non_overlapping_and_dense() && !tensor.is_conj() &&
           !tensor.is_neg();
  }
  static torch::Tensor flat(const torch::Tensor& tensor) {
    const auto bytes = static_cast<int64_t>(tensor.storage().nbytes());
    return tensor.as_strided({bytes / static_cast<int64_t>(tensor.element_size())}, {1}, 0);
  }
  // Do all that is stored of a storage's tensors make up the whole of it?
  bool is_stored_whole(const torch::Tensor& tensor) {
    if (!is_plain(tensor)) return false;
    Storage& storage = storages_.at(tensor.storage().unsafeGetStorageImpl());
    if (storage.is_whole) return *storage.is_whole;
    std::sort(storage.parts.begin(), storage.parts.end());
    uint64_t covered = 0;
    for (const auto& [begin, end] : storage.parts) {
      if (begin <= covered) covered = std::max(covered, end);
    }
    storage.is_whole = !storage.has_several_dtypes && covered == tensor.storage().nbytes();
    return *storage.is_whole;
  }
  // The same stand-in for the same numbers.
  torch::Tensor known(const torch::Tensor& tensor) {
    const auto key = std::tuple(tensor.storage().unsafeGetStorageImpl(), tensor.storage_offset(),
                                tensor.sizes().vec(), tensor.strides().vec(), tensor.scalar_type(),
                                tensor.is_conj(), tensor.is_neg());
    torch::Tensor& one = stand_ins_[key];
    if (!one.defined()) {
      static char nothing[16];
      one = torch::from_blob(nothing, tensor.sizes(), torch::dtype(tensor.scalar_type()));
      contents_.emplace(one.storage().unsafeGetStorageImpl(), tensor);
    }
    return one;
  }

  std::unordered_map<const c10::StorageImpl*, Storage> storages_;
  std::map<std::tuple<const c10::StorageImpl*, int64_t, std::vector<int64_t>, std::vector<int64_t>,
                      torch::ScalarType, bool, bool>,
           torch::Tensor>
      stand_ins_;
  std::unordered_map<const c10::StorageImpl*, torch::Tensor> contents_;
};

// Looks at all tensors of the tree.
void look_at(const Value& value, StoredTensors& tensors, int depth) {
  if (depth > kDeepest) throw Error("what is stored is nested more than 100 levels deep");
  if (value.is<torch::Tensor>()) return tensors.look_at(value.as_tensor());
  if (value.is<List>() || value.is<Tuple>()) {
    const List& items = value.is<List>() ? value.as_list() : value.as_tuple();
    for (const Value& item : items) look_at(item, tensors, depth + 1);
  } else if (value.is<Dict>()) {
    for (const auto& [key, item] : value.as_dict()) look_at(item, tensors, depth + 1);
  } else if (value.is<Unusable>()) {
    throw Error(value.kind() + " cannot be stored");
  }
}

c10::IValue to_ivalue(const Value& value, StoredTensors& tensors);

c10::IValue key_of(const Value& key, StoredTensors& tensors) {
  if (key.is<List>() || key.is<Tuple>() || key.is<Dict>() || key.is<torch::Tensor>()) {
    throw Error(key.kind() + " cannot be a key of a dict that is stored");
  }
  return to_ivalue(key, tensors);
}

// Generic lists and dicts alone: typed ones are written with libtorch's own tags, which Python's
// weights_only=True refuses.
c10::IValue to_ivalue(const Value& value, StoredTensors& tensors) {
  if (value.is<bool>()) return value.as_bool();
  if (value.is<int64_t>()) return value.as_int();
  if (value.is<double>()) return value.as_double();
  if (value.is<std::string>()) return for_python(value.as_string());
  if (value.is<torch::Tensor>()) return tensors.stand_in(value.as_tensor());
  if (value.is<List>()) {
    c10::impl::GenericList list(c10::AnyType::get());
    for (const Value& item : value.as_list()) list.push_back(to_ivalue(item, tensors));
    return list;
  }
  if (value.is<Tuple>()) {
    std::vector<c10::IValue> items;
    for (const Value& item : value.as_tuple()) items.push_back(to_ivalue(item, tensors));
    return c10::ivalue::Tuple::create(std::move(items));
  }
  if (value.is<Dict>()) {
    c10::impl::GenericDict dict(c10::AnyType::get(), c10::AnyType::get());
    for (const auto& [key, item] : value.as_dict()) {
      dict.insert(key_of(key, tensors), to_ivalue(item, tensors));
    }
    return dict;
  }
  return {};
}

void write_records(const c10::IValue& root, const StoredTensors& tensors, const Write& write) {
  std::string pickle;
  torch::jit::Pickler pickler([&](const char* data, size_t size) { pickle.append(data, size); },
                              nullptr, nullptr, nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(root);
  pickler.stop();

  // The writer ends the process if it sees a write fail: it throws, and then once more from its
  // destructor. So it sees none, nor any other error, and that waits until it is gone.
  std::exception_ptr failed;
  const auto unless_failed = [&](auto&& action) {
    try {
      if (!failed) action();
    } catch (...) {
      failed = std::current_exception();
    }
  };
  {
    caffe2::serialize::PyTorchStreamWriter writer(
        std::function<size_t(const void*, size_t)>([&](const void* data, size_t size) {
          unless_failed([&] { write(data, size); });
          return size;
        }));
    writer.writeRecord("data.pkl", pickle.data(), pickle.size());
    size_t number = 0;
    for (const at::Tensor& stand_in : pickler.tensorData()) {
      torch::Tensor tensor;
      unless_failed([&] { tensor = tensors.content(stand_in); });
      if (failed) break;
      writer.writeRecord("data/" + std::to_string(number++), tensor.data_ptr(), tensor.nbytes());
    }
    writer.writeEndOfFile();
  }
  if (failed) std::rethrow_exception(failed);
}

}  // namespace

void write_torch_file(const std::filesystem::path& path, const Value& value) {
  try {
    StoredTensors tensors;
    look_at(value, tensors, 0);
    const c10::IValue root = to_ivalue(value, tensors);
    write_atomically(path, [&](const Write& write) { write_records(root, tensors, write); });
  } catch (const c10::Error& error) {
    throw Error(path.string() + " could not be written: " + error.what_without_backtrace());
  }
}

Value read_torch_file(const std::filesystem::path& path) {
  return reading(path, [&] {
    const ZipReader zip(path);
    const std::string folder = zip.folder_of("data.pkl");
    if (zip.has(folder + "constants.pkl")) {
      throw Error("is a TorchScript archive, which holds a program; torch::jit::load reads it");
    }
    if (zip.has(folder + "byteorder") && zip.read(folder + "byteorder") != "little") {
      throw Error("was written on a big-endian machine; save it again on another one");
    }
    const std::string pickle = zip.read(folder + "data.pkl");
    const auto record = [&](const std::string& key) { return folder + "data/" + key; };
    return unpickle({pickle.data(), pickle.size()},
                    {[&](const std::string& key) { return zip.size_of(record(key)); },
                     [&](const std::string& key, void* to) { zip.read(record(key), to); }});
  });
}

}  // namespace course
