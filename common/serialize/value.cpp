// The tree of plain data that a checkpoint holds.
#include "serialize/value.h"

#include "error.h"

namespace course {
namespace {

const char* const kKinds[] = {"None",     "a bool", "a whole number", "a number", "a string",
                              "a tensor", "a list", "a tuple",        "a dict"};

bool same_key(const Value& a, const Value& b) {
  if (a.is<std::string>() && b.is<std::string>()) return a.as_string() == b.as_string();
  if (a.is<int64_t>() && b.is<int64_t>()) return a.as_int() == b.as_int();
  if (a.is<double>() && b.is<double>()) return a.as_double() == b.as_double();
  return false;
}

std::string text_of(const Value& key) {
  if (key.is<std::string>()) return "'" + key.as_string() + "'";
  return key.is<int64_t>() ? std::to_string(key.as_int()) : key.kind();
}

template <typename T>
const T& get(const Value& value, const char* expected) {
  if (const T* content = std::get_if<T>(&value.data())) return *content;
  throw Error(std::string(expected) + " was expected, but it is " + value.kind());
}

}  // namespace

Dict::Dict(std::initializer_list<Item> items) {
  for (const auto& [key, value] : items) set(key, value);
}

void Dict::set(Value key, Value value) {
  for (Item& item : items_) {
    if (!same_key(item.first, key)) continue;
    item.second = std::move(value);
    return;
  }
  items_.emplace_back(std::move(key), std::move(value));
}

const Value* Dict::find(const Value& key) const {
  for (const Item& item : items_) {
    if (same_key(item.first, key)) return &item.second;
  }
  return nullptr;
}

const Value& Dict::at(const Value& key) const {
  if (const Value* value = find(key)) return *value;
  std::string known;
  for (const Item& item : items_) known += (known.empty() ? "" : ", ") + text_of(item.first);
  throw Error("there is no " + text_of(key) + (known.empty() ? "" : "; there is " + known));
}

bool Value::as_bool() const {
  return get<bool>(*this, "a bool");
}
int64_t Value::as_int() const {
  return get<int64_t>(*this, "a whole number");
}
double Value::as_double() const {
  if (is<int64_t>()) return static_cast<double>(as_int());
  return get<double>(*this, "a number");
}
const std::string& Value::as_string() const {
  return get<std::string>(*this, "a string");
}
const torch::Tensor& Value::as_tensor() const {
  return get<torch::Tensor>(*this, "a tensor");
}
const List& Value::as_list() const {
  return get<List>(*this, "a list");
}
const List& Value::as_tuple() const {
  return get<Tuple>(*this, "a tuple").items;
}
const Dict& Value::as_dict() const {
  return get<Dict>(*this, "a dict");
}

std::string Value::kind() const {
  return kKinds[data_.index()];
}

}  // namespace course
