// The header of a safetensors file: 8 bytes that say how long it is, then JSON.
#include "serialize/safetensors_header.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "error.h"
#include "printable.h"
#include "serialize/bytes.h"

namespace course {
namespace {

constexpr size_t kMostDimensions = 64;
constexpr uint64_t kMostNumbers = uint64_t{1} << 48;

constexpr std::array<std::pair<std::string_view, uint64_t>, 10> kWidths{{{"F32", 4},
                                                                         {"F64", 8},
                                                                         {"F16", 2},
                                                                         {"BF16", 2},
                                                                         {"U8", 1},
                                                                         {"I8", 1},
                                                                         {"I16", 2},
                                                                         {"I32", 4},
                                                                         {"I64", 8},
                                                                         {"BOOL", 1}}};

uint64_t width_of(const std::string& type) {
  for (const auto& [name, width] : kWidths) {
    if (name == type) return width;
  }
  throw Error("has a tensor of the unknown dtype " + printable(type));
}

// The header as it is parsed: no more than what may be in it, and nothing twice.
class Parser : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafeTensorsHeader header;

  bool null() override { unexpected(); }
  bool boolean(bool) override { unexpected(); }
  bool number_float(double, const std::string&) override { unexpected(); }
  bool number_integer(int64_t) override { unexpected(); }  // below 0
  bool binary(nlohmann::json::binary_t&) override { unexpected(); }

  bool number_unsigned(uint64_t number) override {
    if (place_ != Place::shape && place_ != Place::offsets) unexpected();
    SafeTensorsEntry& entry = header.entries.back();
    if (place_ == Place::shape && entry.shape.size() < kMostDimensions) {
      if (number > kMostNumbers) throw Error("has a tensor of impossible shape");
      entry.shape.push_back(static_cast<int64_t>(number));
    } else if (place_ == Place::offsets && offsets_ < 2) {
      (offsets_++ == 0 ? entry.begin : entry.end) = number;
    } else {
      unexpected();
    }
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::metadata) {
      header.metadata[field_] = text;
    } else if (place_ == Place::entry && field_ == "dtype") {
      header.entries.back().type = text;
    } else {
      unexpected();
    }
    return true;
  }

  bool key(std::string& text) override {
    field_ = text;
    const bool is_new =
        place_ == Place::top ? names_.insert(text).second : inner_names_.insert(text).second;
    if (!is_new) throw Error("is damaged: its header has '" + printable(text) + "' twice");
    return true;
  }

  bool start_object(size_t) override {
    if (place_ == Place::before) {
      place_ = Place::top;
    } else if (place_ == Place::top) {
      const bool is_metadata = field_ == kSafeTensorsMetadata;
      place_ = is_metadata ? Place::metadata : Place::entry;
      if (!is_metadata) header.entries.emplace_back().name = field_;
      inner_names_.clear();
      offsets_ = 0;
    } else {
      unexpected();
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::entry && (inner_names_.size() != 3 || offsets_ != 2)) {
      throw Error("is damaged: its header lacks the dtype, shape or place of " +
                  printable(header.entries.back().name));
    }
    place_ = place_ == Place::top ? Place::behind : Place::top;
    return true;
  }

  bool start_array(size_t) override {
    if (place_ != Place::entry || (field_ != "shape" && field_ != "data_offsets")) unexpected();
    place_ = field_ == "shape" ? Place::shape : Place::offsets;
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
  enum class Place { before, top, metadata, entry, shape, offsets, behind };

  [[noreturn]] void unexpected() const {
    throw Error("is damaged: its header has what none may have, at '" + printable(field_) + "'");
  }

  Place place_ = Place::before;
  std::string field_;
  std::set<std::string> names_, inner_names_;
  int offsets_ = 0;
};

uint64_t bytes_of(const SafeTensorsEntry& entry) {
  uint64_t bytes = width_of(entry.type);
  for (const int64_t size : entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(size), &bytes)) {
      throw Error("has a tensor of impossible shape");
    }
  }
  return bytes;
}

void check_places(const SafeTensorsHeader& header, uint64_t data_size) {
  std::vector<const SafeTensorsEntry*> order;
  for (const SafeTensorsEntry& entry : header.entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t end = 0;
  for (const SafeTensorsEntry* entry : order) {
    if (entry->begin > entry->end || entry->end > data_size ||
        entry->end - entry->begin != bytes_of(*entry)) {
      throw Error("is cut short or damaged: the data of " + printable(entry->name) +
                  " are not where its header says");
    }
    if (entry->begin != end) throw Error("is damaged: its tensors overlap, or leave holes");
    end = entry->end;
  }
  if (end != data_size) throw Error("is damaged: its tensors overlap, or leave holes");
}

}  // namespace

SafeTensorsHeader read_safetensors_header(const InputFile& file) {
  if (file.size() < 8) throw Error("is no safetensors file: it has fewer than 8 bytes");
  const std::string begin = file.read(0, 8);
  const uint64_t length = Bytes(begin.data(), begin.size()).number(0, 8);
  if (length > kLongestSafeTensorsHeader || length > file.size() - 8) {
    throw Error("is no safetensors file, or cut short: its header would be longer than it is");
  }
  Parser parser;
  nlohmann::json::sax_parse(file.read(8, length), &parser);
  parser.header.data = 8 + length;
  check_places(parser.header, file.size() - parser.header.data);
  return std::move(parser.header);
}

}  // namespace course
