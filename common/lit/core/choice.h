// Choice: one of a few words, for an option.
#pragma once

#include <algorithm>
#include <cctype>
#include <optional>
#include <string>

#include "lit/error.h"

namespace lit {

/// A value of an enum, given as itself or as its word in capital or small letters:
///
///     lit::Accuracy({.task = lit::Task::binary});
///     lit::Accuracy({.task = "binary"});
///
/// The enum names its words, in the order of its values, by a function `words(E)` beside it. A word
/// that is not one of them is kept for the error of whoever asks for the value.
template <typename E>
class Choice {
 public:
  /// Nothing is chosen.
  Choice() = default;
  Choice(E value) : value_(value) {}
  Choice(const char* word) : Choice(std::string(word)) {}
  Choice(const std::string& word) : given_(word) {
    std::string small = word;
    std::transform(small.begin(), small.end(), small.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    int value = 0;
    for (const char* known : words(E{})) {
      if (small == known) value_ = static_cast<E>(value);
      ++value;
    }
  }

  /// @throws Error if none of the words is chosen: "NAME is \"x\", but must be one, two or three"
  E of(const std::string& name) const {
    if (value_) return *value_;
    throw Error(name + " is \"" + given_ + "\", but must be " + all());
  }
  operator E() const { return of("an option"); }
  /// Nothing was given, or the word "".
  bool empty() const { return !value_ && given_.empty(); }
  /// The word; "" if nothing is chosen.
  std::string word() const {
    return value_ ? std::string(words(E{})[static_cast<size_t>(*value_)]) : given_;
  }

 private:
  static std::string all() {
    std::string text;
    const auto& known = words(E{});
    for (size_t i = 0; i < known.size(); ++i) {
      text += (i == 0 ? "" : i + 1 == known.size() ? " or " : ", ") + std::string(known[i]);
    }
    return text;
  }

  std::optional<E> value_;
  std::string given_;
};

}  // namespace lit
