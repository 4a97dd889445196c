// The file form of Python's torch.save and torch.load.
#include "serialize/torch_file.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickler.h>
#include <torch/torch.h>

#include <exception>

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

// A tensor as it is stored: on the CPU, dense, with a storage that holds nothing else.
torch::Tensor compact(const torch::Tensor& tensor) {
  const torch::Tensor dense = dense_on_cpu(tensor);
  return dense.storage().nbytes() == dense.nbytes() ? dense : dense.clone();
}

c10::IValue to_ivalue(const Value& value, int depth);

c10::IValue key_of(const Value& key, int depth) {
  if (key.is<List>() || key.is<Tuple>() || key.is<Dict>() || key.is<torch::Tensor>()) {
    throw Error(key.kind() + " cannot be a key of a dict that is stored");
  }
  return to_ivalue(key, depth);
}

// Generic lists and dicts alone: typed ones are written with libtorch's own tags, which Python's
// weights_only=True refuses.
c10::IValue to_ivalue(const Value& value, int depth) {
  if (depth > kDeepest) throw Error("what is stored is nested more than 100 levels deep");
  if (value.is<bool>()) return value.as_bool();
  if (value.is<int64_t>()) return value.as_int();
  if (value.is<double>()) return value.as_double();
  if (value.is<std::string>()) return for_python(value.as_string());
  if (value.is<torch::Tensor>()) return compact(value.as_tensor());
  ++depth;
  if (value.is<List>()) {
    c10::impl::GenericList list(c10::AnyType::get());
    for (const Value& item : value.as_list()) list.push_back(to_ivalue(item, depth));
    return list;
  }
  if (value.is<Tuple>()) {
    std::vector<c10::IValue> items;
    for (const Value& item : value.as_tuple()) items.push_back(to_ivalue(item, depth));
    return c10::ivalue::Tuple::create(std::move(items));
  }
  if (value.is<Dict>()) {
    c10::impl::GenericDict dict(c10::AnyType::get(), c10::AnyType::get());
    for (const auto& [key, item] : value.as_dict()) {
      dict.insert(key_of(key, depth), to_ivalue(item, depth));
    }
    return dict;
  }
  if (value.is<Unusable>()) throw Error(value.kind() + " cannot be stored");
  return {};
}

void write_records(const c10::IValue& root, const Write& write) {
  std::string pickle;
  torch::jit::Pickler pickler([&](const char* data, size_t size) { pickle.append(data, size); },
                              nullptr, nullptr, nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(root);
  pickler.stop();

  // The writer ends the process if it sees a write fail: it throws, and then once more from its
  // destructor. So it sees none, and the error waits until it is gone.
  std::exception_ptr failed;
  {
    caffe2::serialize::PyTorchStreamWriter writer(
        std::function<size_t(const void*, size_t)>([&](const void* data, size_t size) {
          try {
            if (!failed) write(data, size);
          } catch (...) {
            failed = std::current_exception();
          }
          return size;
        }));
    writer.writeRecord("data.pkl", pickle.data(), pickle.size());
    size_t number = 0;
    for (const at::Tensor& tensor : pickler.tensorData()) {
      const auto data = torch::jit::getWriteableTensorData(tensor);
      writer.writeRecord("data/" + std::to_string(number++), data.data(), data.sizeInBytes());
    }
    writer.writeEndOfFile();
  }
  if (failed) std::rethrow_exception(failed);
}

}  // namespace

void write_torch_file(const std::filesystem::path& path, const Value& value) {
  try {
    const c10::IValue root = to_ivalue(value, 0);
    write_atomically(path, [&](const Write& write) { write_records(root, write); });
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
