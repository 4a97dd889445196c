// The tree of plain data that a checkpoint holds.
#include "serialize/value.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <set>

#include "error.h"
#include "printable.h"

namespace course {
namespace {

constexpr size_t kShort = 8;  // as many keys are compared one by one sooner than hashed

const char* const kKinds[] = {"None",     "a bool", "a whole number", "a number", "a string",
                              "a tensor", "a list", "a tuple",        "a dict"};
constexpr size_t kMostTold = 10;

// NaN is no other NaN's equal, here and in Python.
bool can_be_found(const Value& key) {
  if (key.is<double>()) return !std::isnan(key.as_double());
  return key.is<std::string>() || key.is<int64_t>();
}

bool same_key(const Value& a, const Value& b) {
  if (a.is<std::string>() && b.is<std::string>()) return a.as_string() == b.as_string();
  if (a.is<int64_t>() && b.is<int64_t>()) return a.as_int() == b.as_int();
  if (a.is<double>() && b.is<double>()) return a.as_double() == b.as_double();
  return false;
}

// A polynomial of the bytes at a random place, modulo a prime: who writes a file cannot know which
// of its keys will meet.
uint64_t hash_of(const char* bytes, size_t size) {
  __extension__ using Wide = unsigned __int128;
  constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1;
  static const uint64_t place = [] {
    std::random_device random;
    return ((uint64_t{random()} << 32 | random()) % (kPrime - 256)) + 256;
  }();
  uint64_t sum = size + 1;
  for (size_t begin = 0; begin < size; begin += 7) {
    uint64_t part = 0;
    std::memcpy(&part, bytes + begin, std::min<size_t>(7, size - begin));
    sum = static_cast<uint64_t>((static_cast<Wide>(sum) * place + part + 1) % kPrime);
  }
  return static_cast<uint64_t>(static_cast<Wide>(sum) * place % kPrime);
}

uint64_t hash_of(const Value& key) {
  if (key.is<std::string>()) return hash_of(key.as_string().data(), key.as_string().size());
  int64_t bits = 0;
  if (key.is<int64_t>()) {
    bits = key.as_int();
  } else {
    const double number = key.as_double() + 0.0;  // -0.0 is 0.0
    std::memcpy(&bits, &number, sizeof bits);
  }
  return hash_of(reinterpret_cast<const char*>(&bits), sizeof bits);
}

std::string text_of(const Value& key) {
  if (key.is<std::string>()) return "'" + printable(key.as_string()) + "'";
  return key.is<int64_t>() ? std::to_string(key.as_int()) : key.kind();
}

}  // namespace

Dict::Dict(std::initializer_list<Item> items) {
  for (const auto& [key, value] : items) set(key, value);
}

// The position of a key in items_, or that behind the last.
size_t Dict::position_of(const Value& key) const {
  if (!can_be_found(key)) return items_.size();
  if (slots_.empty()) {
    size_t position = 0;
    while (position < items_.size() && !same_key(items_[position].first, key)) ++position;
    return position;
  }
  for (size_t slot = hash_of(key);; ++slot) {
    const uint32_t entry = slots_[slot % slots_.size()];
    if (entry == 0) return items_.size();
    if (same_key(items_[entry - 1].first, key)) return entry - 1;
  }
}

void Dict::remember(size_t position) {
  const Value& key = items_[position].first;
  if (!can_be_found(key)) return;
  size_t slot = hash_of(key);
  while (slots_[slot % slots_.size()] != 0) ++slot;
  slots_[slot % slots_.size()] = static_cast<uint32_t>(position + 1);
}

void Dict::set(Value key, Value value) {
  const size_t position = position_of(key);
  if (position < items_.size()) {
    items_[position].second = std::move(value);
    return;
  }
  items_.emplace_back(std::move(key), std::move(value));
  if (items_.size() <= kShort) return;
  if (2 * items_.size() <= slots_.size()) return remember(position);
  slots_.assign(4 * items_.size(), 0);  // at most half of them are ever taken
  for (size_t i = 0; i < items_.size(); ++i) remember(i);
}

const Value* Dict::find(const Value& key) const {
  const size_t position = position_of(key);
  return position < items_.size() ? &items_[position].second : nullptr;
}

const Value& Dict::at(const Value& key) const {
  if (const Value* value = find(key)) return *value;
  constexpr size_t kShown = 20;
  std::string known;
  for (size_t i = 0; i < std::min(kShown, items_.size()); ++i) {
    known += (known.empty() ? "" : ", ") + text_of(items_[i].first);
  }
  if (items_.size() > kShown) known += " and " + std::to_string(items_.size() - kShown) + " more";
  throw Error("there is no " + text_of(key) + (known.empty() ? "" : "; there is " + known));
}

Value::Value(std::string value) : data_(std::make_shared<const std::string>(std::move(value))) {}
Value::Value(List value) : data_(std::make_shared<const List>(std::move(value))) {}
Value::Value(Tuple value) : data_(std::make_shared<const Tuple>(std::move(value))) {}
Value::Value(Dict value) : data_(std::make_shared<const Dict>(std::move(value))) {}
Value::Value(Unusable value) : data_(std::make_shared<const Unusable>(std::move(value))) {}

template <typename T>
const T& Value::content(const char* expected) const {
  if (const auto* held = std::get_if<Held<T>>(&data_)) {
    if constexpr (kIsSmall<T>) {
      return *held;
    } else {
      return **held;
    }
  }
  throw Error(std::string(expected) + " was expected, but it is " + kind());
}

bool Value::as_bool() const {
  return content<bool>("a bool");
}
int64_t Value::as_int() const {
  return content<int64_t>("a whole number");
}
double Value::as_double() const {
  if (is<int64_t>()) return static_cast<double>(as_int());
  return content<double>("a number");
}
const std::string& Value::as_string() const {
  return content<std::string>("a string");
}
const torch::Tensor& Value::as_tensor() const {
  return content<torch::Tensor>("a tensor");
}
const List& Value::as_list() const {
  return content<List>("a list");
}
const List& Value::as_tuple() const {
  return content<Tuple>("a tuple").items;
}
const Dict& Value::as_dict() const {
  return content<Dict>("a dict");
}

const Unusable& Value::as_unusable() const {
  return content<Unusable>("an unusable value");
}

std::string Value::kind() const {
  return is<Unusable>() ? as_unusable().what : kKinds[data_.index()];
}

namespace {

// Each value once, as lists and dicts may be there several times.
class UnusableValues {
 public:
  void look(const Value& value, const std::string& name) {
    if (value.is<Unusable>()) return tell(name, value.as_unusable());
    const bool is_list = value.is<List>();
    if (is_list || value.is<Tuple>()) {
      const List& items = is_list ? value.as_list() : value.as_tuple();
      if (!seen_.insert(&items).second) return;
      for (size_t i = 0; i < items.size(); ++i) {
        if (may_hold(items[i])) look(items[i], name + "[" + std::to_string(i) + "]");
      }
    } else if (value.is<Dict>() && seen_.insert(&value.as_dict()).second) {
      for (const auto& [key, item] : value.as_dict()) {
        if (may_hold(key)) look(key, name + ", a key");
        if (!may_hold(item)) continue;
        const std::string part = key.is<std::string>() ? printable(key.as_string()) : text_of(key);
        look(item, name.empty() ? part : name + "." + part);
      }
    }
  }
  std::string text() const {
    return found_ <= kMostTold ? text_
                               : text_ + " and " + std::to_string(found_ - kMostTold) + " more";
  }

 private:
  static bool may_hold(const Value& value) {
    return value.is<Unusable>() || value.is<Dict>() || value.is<List>() || value.is<Tuple>();
  }
  void tell(const std::string& name, const Unusable& value) {
    if (++found_ > kMostTold) return;
    text_ += (text_.empty() ? "" : ", ") + name + " (" + printable(value.what) + ")";
  }

  std::set<const void*> seen_;
  std::string text_;
  size_t found_ = 0;
};

}  // namespace

std::string unusable_values(const Value& value) {
  UnusableValues values;
  values.look(value, "");
  return values.text();
}

}  // namespace course
