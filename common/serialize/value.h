// The tree of plain data that a checkpoint holds: what Python's dicts, lists, numbers, strings and
// tensors are in a file.
#pragma once

#include <torch/types.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace course {

class Value;
class Dict;
struct Tuple;
struct Unusable;

/// Python's list.
using List = std::vector<Value>;

/// None, a bool, a whole number, a number, a string, a tensor, a list, a tuple or a dict; or what a
/// file holds that is none of these. It never changes, so that copies share what is large.
class Value {
 public:
  Value() = default;  ///< None
  /// Of a bool alone: a pointer would become one, too.
  template <std::same_as<bool> T>
  Value(T value) : data_(value) {}
  Value(int value) : data_(int64_t{value}) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(const char* value) : Value(std::string(value)) {}
  Value(std::nullptr_t) = delete;
  Value(std::string value);
  Value(torch::Tensor value) : data_(std::move(value)) {}
  Value(List value);
  Value(Tuple value);
  Value(Dict value);
  Value(Unusable value);

  template <typename T>
  bool is() const {
    return std::holds_alternative<Held<T>>(data_);
  }
  bool is_none() const { return std::holds_alternative<std::monostate>(data_); }

  /// The content. @throws Error "a whole number was expected, but it is a string"
  bool as_bool() const;
  int64_t as_int() const;
  double as_double() const;  ///< a whole number is a number, too
  const std::string& as_string() const;
  const torch::Tensor& as_tensor() const;
  const List& as_list() const;
  const List& as_tuple() const;
  const Dict& as_dict() const;
  const Unusable& as_unusable() const;

  /// What it is, with its article: "a string", "None".
  std::string kind() const;

 private:
  template <typename T>
  static constexpr bool kIsSmall = std::is_arithmetic_v<T> || std::is_same_v<T, torch::Tensor>;
  template <typename T>
  using Held = std::conditional_t<kIsSmall<T>, T, std::shared_ptr<const T>>;

  template <typename T>
  const T& content(const char* expected) const;

  std::variant<std::monostate, bool, int64_t, double, Held<std::string>, torch::Tensor, Held<List>,
               Held<Tuple>, Held<Dict>, Held<Unusable>>
      data_;
};

/// Python's tuple.
struct Tuple {
  List items;
};

/// A value of a file that Python reads and that has no meaning here: whoever asks for it gets an
/// error, and nobody else.
struct Unusable {
  std::string what;  ///< "a complex number"
};

/// Python's dict: its keys keep the order in which they were put in. Strings and numbers are found
/// by a hash; other keys are kept, and found by nobody.
class Dict {
 public:
  using Item = std::pair<Value, Value>;

  Dict() = default;
  /// Dict{{"epoch", 3}, {"state_dict", weights}}
  Dict(std::initializer_list<Item> items);

  /// Replaces the value of a key that is there; else puts both at the end.
  void set(Value key, Value value);
  /// The value, or nullptr if there is no such key.
  const Value* find(const Value& key) const;
  /// @throws Error that names the key and those that are there
  const Value& at(const Value& key) const;

  size_t size() const { return items_.size(); }
  std::vector<Item>::const_iterator begin() const { return items_.begin(); }
  std::vector<Item>::const_iterator end() const { return items_.end(); }

 private:
  size_t position_of(const Value& key) const;
  void remember(size_t position);

  std::vector<Item> items_;
  std::vector<uint32_t> slots_;  // of a hash: a position in items_ and 1; empty while it is short
};

/// "hyper_parameters.z (a complex number)" for each unusable value in the tree; the first
/// ten, and how many more there are.
std::string unusable_values(const Value& value);

}  // namespace course
