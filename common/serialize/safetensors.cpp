// The safetensors form: 8 bytes that say how long the header is, a header in JSON, the data.
#include "serialize/safetensors.h"

#include <torch/torch.h>

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "error.h"
#include "serialize/atomic_file.h"

namespace course {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint64_t kLongestHeader = 100'000'000;  // of the reference implementation

const std::vector<std::pair<std::string, c10::ScalarType>> kTypes{
    {"F32", torch::kFloat32},   {"F64", torch::kFloat64}, {"F16", torch::kFloat16},
    {"BF16", torch::kBFloat16}, {"U8", torch::kUInt8},    {"I8", torch::kInt8},
    {"I16", torch::kInt16},     {"I32", torch::kInt32},   {"I64", torch::kInt64},
    {"BOOL", torch::kBool}};

std::string name_of(c10::ScalarType type) {
  for (const auto& [name, known] : kTypes) {
    if (known == type) return name;
  }
  throw Error(std::string("safetensors have no ") + c10::toString(type));
}

c10::ScalarType type_of(const std::string& name) {
  for (const auto& [known, type] : kTypes) {
    if (known == name) return type;
  }
  throw Error("has a tensor of the unknown dtype " + name);
}

torch::Tensor read_tensor(const Json& facts, const std::string& data) {
  const c10::ScalarType type = type_of(facts.at("dtype").get<std::string>());
  const auto shape = facts.at("shape").get<std::vector<uint64_t>>();
  const auto offsets = facts.at("data_offsets").get<std::vector<uint64_t>>();
  uint64_t bytes = c10::elementSize(type);
  for (const uint64_t size : shape) {
    if (size > (uint64_t{1} << 48) || __builtin_mul_overflow(bytes, size, &bytes)) {
      throw Error("has a tensor of impossible shape");
    }
  }
  if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > data.size() ||
      offsets[1] - offsets[0] != bytes) {
    throw Error("is cut short or damaged: a tensor's data are not where its header says");
  }
  torch::Tensor tensor =
      torch::empty(std::vector<int64_t>(shape.begin(), shape.end()), torch::dtype(type));
  if (bytes > 0) std::memcpy(tensor.data_ptr(), data.data() + offsets[0], bytes);
  return tensor;
}

SafeTensors parse(const std::string& file) {
  uint64_t length = 0;
  if (file.size() < 8) throw Error("is no safetensors file: it has fewer than 8 bytes");
  for (int i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(file[i]);
  if (length > kLongestHeader || length > file.size() - 8) {
    throw Error("is no safetensors file, or cut short: its header would be longer than it is");
  }
  const Json header = Json::parse(file.substr(8, length));
  const std::string data = file.substr(8 + length);
  SafeTensors result;
  uint64_t used = 0;
  for (const auto& [name, facts] : header.items()) {
    if (name == "__metadata__") {
      result.metadata = facts.get<std::map<std::string, std::string>>();
      continue;
    }
    const torch::Tensor tensor = read_tensor(facts, data);
    used += tensor.nbytes();
    result.tensors.set(name, tensor);
  }
  if (used != data.size()) throw Error("is damaged: its tensors overlap, or leave holes");
  return result;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const Dict& tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::vector<torch::Tensor> dense;
  uint64_t offset = 0;
  for (const auto& [name, value] : tensors) {
    dense.push_back(value.as_tensor().detach().cpu().contiguous());
    const uint64_t end = offset + dense.back().nbytes();
    header[name.as_string()] = {{"dtype", name_of(dense.back().scalar_type())},
                                {"shape", dense.back().sizes().vec()},
                                {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');  // so that the data begin at a multiple of 8
  write_atomically(path, [&](const Write& write) {
    unsigned char length[8];
    for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(text.size() >> (8 * i));
    write(length, sizeof length);
    write(text.data(), text.size());
    for (const torch::Tensor& tensor : dense) write(tensor.data_ptr(), tensor.nbytes());
  });
}

SafeTensors read_safetensors(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) throw Error(path.string() + " cannot be read");
  try {
    return parse(file);
  } catch (const Error& error) {
    throw Error(path.string() + " " + error.what());
  } catch (const Json::exception& error) {
    throw Error(path.string() + " is damaged: its header is not as it must be (" + error.what() +
                ")");
  }
}

}  // namespace course
