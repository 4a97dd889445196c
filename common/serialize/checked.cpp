// Values of a checkpoint, each looked at before it is used.
#include "serialize/checked.h"

#include <c10/util/StringUtil.h>
#include <torch/torch.h>

#include <cmath>
#include <optional>

#include "serialize/python_text.h"

namespace course {
namespace {

std::string described(const Value& value) {
  if (value.is<int64_t>()) return std::to_string(value.as_int());
  if (value.is<double>()) return python_float(value.as_double());
  if (!value.is<torch::Tensor>()) return value.kind();
  const torch::Tensor& tensor = value.as_tensor();
  return "a tensor " + c10::str(tensor.sizes()) + " of " + c10::toString(tensor.scalar_type());
}

// The number in a tensor of one element, as a number; any other value as it is.
Value plain(const Value& value) {
  if (!value.is<torch::Tensor>()) return value;
  const torch::Tensor& tensor = value.as_tensor();
  if (tensor.numel() != 1) return value;
  if (tensor.is_floating_point()) return tensor.item<double>();
  const bool is_whole = c10::isIntegralType(tensor.scalar_type(), /*includeBool=*/false);
  return is_whole ? Value(tensor.item<int64_t>()) : value;
}

// Short for small numbers, with all digits for large ones: "0", "0.5", "9007199254740992".
std::string end_text(double number) {
  if (number == std::floor(number) && std::abs(number) <= static_cast<double>(kMostCounted)) {
    return std::to_string(static_cast<int64_t>(number));
  }
  return python_float(number);
}

}  // namespace

bool Bounds::contain(double number) const {
  if (std::isnan(number)) return nan;
  return number >= least - rounding && (below ? number < most : number <= most);
}

std::string Bounds::text() const {
  const bool has_least = least > std::numeric_limits<double>::lowest();
  const bool has_most = most < std::numeric_limits<double>::max();
  if (has_least && has_most) {
    return "a number from " + end_text(least) + " to " + (below ? "below " : "") + end_text(most);
  }
  if (has_least) return "a finite number of at least " + end_text(least);
  if (std::isinf(most)) return nan ? "a number" : "a number, and not NaN";
  return "a finite number";
}

void refuse_value(const Value& value, std::string_view name, const std::string& expected) {
  throw Error(std::string(name) + " is " + described(value) + ", but must be " + expected);
}

int64_t whole(const Value& value, std::string_view name, int64_t least, int64_t most) {
  Value found = plain(value);
  // Python's optimizers count their steps in a float32.
  if (value.is<torch::Tensor>() && found.is<double>()) {
    const double number = found.as_double();
    const bool fits = number == std::floor(number) && std::abs(number) < 0x1p63;
    if (fits) found = static_cast<int64_t>(number);
  }
  if (!found.is<int64_t>() || found.as_int() < least || found.as_int() > most) {
    refuse_value(found, name,
                 "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return found.as_int();
}

double number(const Value& value, std::string_view name, const Bounds& bounds) {
  const Value found = plain(value);
  const bool is_number = found.is<double>() || found.is<int64_t>();
  if (!is_number || !bounds.contain(found.as_double())) refuse_value(found, name, bounds.text());
  return found.as_double();
}

std::vector<double> numbers(const Value& value, std::string_view name, const Bounds& bounds) {
  const List& items = value.is<Tuple>() ? value.as_tuple() : list(value, name);
  std::vector<double> found;
  for (const Value& item : items) {
    found.push_back(
        number(item, std::string(name) + "[" + std::to_string(found.size()) + "]", bounds));
  }
  return found;
}

bool flag(const Value& value, std::string_view name) {
  if (!value.is<bool>()) refuse_value(value, name, "True or False");
  return value.as_bool();
}

const std::string& text(const Value& value, std::string_view name) {
  if (!value.is<std::string>()) refuse_value(value, name, "a string");
  return value.as_string();
}

const List& list(const Value& value, std::string_view name) {
  if (!value.is<List>()) refuse_value(value, name, "a list");
  return value.as_list();
}

const Dict& dict(const Value& value, std::string_view name) {
  if (!value.is<Dict>()) refuse_value(value, name, "a dict");
  return value.as_dict();
}

const torch::Tensor& tensor(const Value& value, std::string_view name, torch::IntArrayRef sizes,
                            torch::ScalarType dtype) {
  const auto fits = [&](const torch::Tensor& found) {
    return found.sizes() == sizes && found.scalar_type() == dtype;
  };
  if (!value.is<torch::Tensor>() || !fits(value.as_tensor())) {
    refuse_value(value, name, "a tensor " + c10::str(sizes) + " of " + c10::toString(dtype));
  }
  return value.as_tensor();
}

int64_t whole(const Dict& dict, std::string_view key, int64_t least, int64_t most) {
  return whole(dict.at(std::string(key)), key, least, most);
}
double number(const Dict& dict, std::string_view key, const Bounds& bounds) {
  return number(dict.at(std::string(key)), key, bounds);
}
std::vector<double> numbers(const Dict& dict, std::string_view key, const Bounds& bounds) {
  return numbers(dict.at(std::string(key)), key, bounds);
}
bool flag(const Dict& dict, std::string_view key) {
  return flag(dict.at(std::string(key)), key);
}
const std::string& text(const Dict& dict, std::string_view key) {
  return text(dict.at(std::string(key)), key);
}
const List& list(const Dict& dict, std::string_view key) {
  return list(dict.at(std::string(key)), key);
}
const Dict& dict(const Dict& from, std::string_view key) {
  return dict(from.at(std::string(key)), key);
}
const torch::Tensor& tensor(const Dict& dict, std::string_view key, torch::IntArrayRef sizes,
                            torch::ScalarType dtype) {
  return tensor(dict.at(std::string(key)), key, sizes, dtype);
}

}  // namespace course
