// The safetensors form: 8 bytes that say how long the header is, a header in JSON, the data.
#include "serialize/safetensors.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "error.h"
#include "printable.h"
#include "serialize/atomic_file.h"
#include "serialize/bytes.h"
#include "serialize/dense_tensor.h"
#include "serialize/input_file.h"
#include "serialize/reading.h"
#include "utf8.h"

namespace course {
namespace {

constexpr uint64_t kLongestHeader = 100'000'000;  // of the reference implementation
constexpr size_t kMostDimensions = 64;
const std::string kMetadata = "__metadata__";

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

// What the header says of a tensor.
struct Entry {
  std::string name;
  std::optional<c10::ScalarType> type;
  std::optional<std::vector<int64_t>> shape;
  std::optional<std::vector<uint64_t>> offsets;
};

// The header as it is parsed: no more than what may be in it, and nothing twice.
class Header : public nlohmann::json_sax<nlohmann::json> {
 public:
  std::vector<Entry> entries;
  std::map<std::string, std::string> metadata;

  bool null() override { unexpected(); }
  bool boolean(bool) override { unexpected(); }
  bool number_float(double, const std::string&) override { unexpected(); }
  bool binary(nlohmann::json::binary_t&) override { unexpected(); }

  bool number_integer(int64_t) override { unexpected(); }  // below 0
  bool number_unsigned(uint64_t number) override {
    if (place_ != Place::list) unexpected();
    if (field_ == "data_offsets") {
      entries.back().offsets->push_back(number);
      if (entries.back().offsets->size() > 2) unexpected();
    } else {
      if (number > uint64_t{1} << 48) throw Error("has a tensor of impossible shape");
      entries.back().shape->push_back(static_cast<int64_t>(number));
      if (entries.back().shape->size() > kMostDimensions) unexpected();
    }
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::metadata) {
      metadata[field_] = text;
    } else if (place_ == Place::entry && field_ == "dtype") {
      entries.back().type = type_of(text);
    } else {
      unexpected();
    }
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::before) {
      place_ = Place::top;
    } else if (place_ == Place::top && field_ == kMetadata) {
      place_ = Place::metadata;
    } else if (place_ == Place::top) {
      entries.emplace_back().name = field_;
      place_ = Place::entry;
    } else {
      unexpected();
    }
    return true;
  }

  bool key(std::string& text) override {
    field_ = text;
    if (place_ == Place::top) return names_.insert(text).second || twice(text);
    if (place_ == Place::metadata) return metadata.emplace(text, "").second || twice(text);
    const Entry& entry = entries.back();
    if ((text == "dtype" && entry.type) || (text == "shape" && entry.shape) ||
        (text == "data_offsets" && entry.offsets)) {
      twice(text);
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::entry) {
      const Entry& entry = entries.back();
      if (!entry.type || !entry.shape || !entry.offsets || entry.offsets->size() != 2) {
        throw Error("is damaged: its header lacks the dtype, shape or place of " +
                    printable(entry.name));
      }
    }
    place_ = place_ == Place::top ? Place::behind : Place::top;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::entry) unexpected();
    place_ = Place::list;
    if (field_ == "shape") {
      entries.back().shape.emplace();
    } else if (field_ == "data_offsets") {
      entries.back().offsets.emplace();
    } else {
      unexpected();
    }
    return true;
  }
  bool end_array() override {
    place_ = Place::entry;
    return true;
  }

  bool parse_error(size_t, const std::string&, const nlohmann::json::exception& error) override {
    throw Error("is damaged: its header is no JSON (" + printable(error.what(), 200) + ")");
  }

 private:
  enum class Place { before, top, metadata, entry, list, behind };

  [[noreturn]] void unexpected() const {
    throw Error("is damaged: its header has what none may have, at '" + printable(field_) + "'");
  }
  [[noreturn]] static bool twice(const std::string& name) {
    throw Error("is damaged: its header has '" + printable(name) + "' twice");
  }

  Place place_ = Place::before;
  std::string field_;
  std::set<std::string> names_;
};

uint64_t bytes_of(const Entry& entry) {
  uint64_t bytes = c10::elementSize(*entry.type);
  for (const int64_t size : *entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) {
      throw Error("has a tensor of impossible shape");
    }
  }
  return bytes;
}

// Each tensor begins where the one before ends, and the last ends with the file.
void check_places(const std::vector<Entry>& entries, uint64_t data_size) {
  std::vector<const Entry*> order;
  for (const Entry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](const Entry* a, const Entry* b) { return *a->offsets < *b->offsets; });
  uint64_t end = 0;
  for (const Entry* entry : order) {
    const uint64_t first = (*entry->offsets)[0], last = (*entry->offsets)[1];
    if (first > last || last > data_size || last - first != bytes_of(*entry)) {
      throw Error("is cut short or damaged: the data of " + printable(entry->name) +
                  " are not where its header says");
    }
    if (first != end) throw Error("is damaged: its tensors overlap, or leave holes");
    end = last;
  }
  if (end != data_size) throw Error("is damaged: its tensors overlap, or leave holes");
}

SafeTensors read(const InputFile& file) {
  if (file.size() < 8) throw Error("is no safetensors file: it has fewer than 8 bytes");
  std::array<unsigned char, 8> begin{};
  file.read(0, begin.data(), begin.size());
  const uint64_t length = Bytes(begin.data(), begin.size()).number(0, 8);
  if (length > kLongestHeader || length > file.size() - 8) {
    throw Error("is no safetensors file, or cut short: its header would be longer than it is");
  }
  Header header;
  nlohmann::json::sax_parse(file.read(8, length), &header);
  check_places(header.entries, file.size() - 8 - length);
  SafeTensors result;
  result.metadata = std::move(header.metadata);
  for (const Entry& entry : header.entries) {
    const torch::Tensor tensor = torch::empty(*entry.shape, torch::dtype(*entry.type));
    file.read(8 + length + (*entry.offsets)[0], tensor.data_ptr(), tensor.nbytes());
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
    header = quoted(kMetadata) + ":{" + header + "}";
  }
  std::vector<torch::Tensor> dense;
  uint64_t offset = 0;
  for (const auto& [key, value] : tensors) {
    const std::string& name = key.as_string();
    if (name == kMetadata) {
      throw Error("safetensors have no tensor called " + kMetadata +
                  ", which is where their metadata are; give it another name");
    }
    const torch::Tensor& tensor = dense.emplace_back(dense_on_cpu(value.as_tensor()));
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
  if (header.size() > kLongestHeader) {
    throw Error("safetensors have a header of at most 100 MB; these names and texts need more");
  }
  write_atomically(path, [&](const Write& write) {
    unsigned char length[8];
    for (int i = 0; i < 8; ++i) length[i] = static_cast<unsigned char>(header.size() >> (8 * i));
    write(length, sizeof length);
    write(header.data(), header.size());
    for (const torch::Tensor& tensor : dense) write(tensor.data_ptr(), tensor.nbytes());
  });
}

SafeTensors read_safetensors(const std::filesystem::path& path) {
  return reading(path, [&] { return read(InputFile(path)); });
}

}  // namespace course
