// The safetensors form: a header that says where each tensor is, then the data.
#include "serialize/safetensors.h"

#include <torch/torch.h>

#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "error.h"
#include "printable.h"
#include "serialize/atomic_file.h"
#include "serialize/dense_tensor.h"
#include "serialize/input_file.h"
#include "serialize/reading.h"
#include "serialize/safetensors_header.h"
#include "utf8.h"

namespace course {
namespace {

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
  throw Error("has a tensor of the unknown dtype " + printable(name));
}

SafeTensors read(const InputFile& file) {
  SafeTensorsHeader header = read_safetensors_header(file);
  SafeTensors result;
  result.metadata = std::move(header.metadata);
  for (const SafeTensorsEntry& entry : header.entries) {
    const torch::Tensor tensor = torch::empty(entry.shape, torch::dtype(type_of(entry.type)));
    file.read(header.data + entry.begin, tensor.data_ptr(), entry.end - entry.begin);
    result.tensors.set(entry.name, tensor);
  }
  return result;
}

// A text in quotes, as JSON has it.
std::string quoted(const std::string& text) {
  if (!is_utf8(text)) {
    throw Error("safetensors have texts in UTF-8 alone, which '" + printable(text) + "' is not");
  }
  return nlohmann::json(text).dump();
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const Dict& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::string header;
  if (!metadata.empty()) {
    for (const auto& [name, text] : metadata) {
      header += (header.empty() ? "" : ",") + quoted(name) + ":" + quoted(text);
    }
    header = quoted(kSafeTensorsMetadata) + ":{" + header + "}";
  }
  std::vector<torch::Tensor> all;
  uint64_t offset = 0;
  for (const auto& [key, value] : tensors) {
    const std::string& name = key.as_string();
    if (name == kSafeTensorsMetadata) {
      throw Error("safetensors have no tensor called " + kSafeTensorsMetadata +
                  ", which is where their metadata are; give it another name");
    }
    const torch::Tensor& tensor = all.emplace_back(value.as_tensor());
    check_can_be_stored(tensor);
    std::string shape;
    for (const int64_t size : tensor.sizes()) {
      shape += (shape.empty() ? "" : ",") + std::to_string(size);
    }
    const uint64_t end = offset + tensor.nbytes();
    header += (header.empty() ? "" : ",") + quoted(name) + R"(:{"dtype":")" +
              name_of(tensor.scalar_type()) + R"(","shape":[)" + shape + R"(],"data_offsets":[)" +
              std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  header = "{" + header + "}";
  header.append((8 - header.size() % 8) % 8, ' ');  // the data begin at a multiple of 8
  if (header.size() > kLongestSafeTensorsHeader) {
    throw Error("safetensors have a header of at most 100 MB; these names and texts need more");
  }
  write_atomically(path, [&](const Write& write) {
    unsigned char length[8];
    for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(header.size() >> (8 * i));
    write(length, sizeof length);
    write(header.data(), header.size());
    for (const torch::Tensor& tensor : all) {
      const torch::Tensor dense = dense_on_cpu(tensor);
      write(dense.data_ptr(), dense.nbytes());
    }
  });
}

SafeTensors read_safetensors(const std::filesystem::path& path) {
  return reading(path, [&] { return read(InputFile(path)); });
}

}  // namespace course
