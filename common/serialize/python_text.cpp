// Values as Python would print them, and as YAML that Python reads.
#include "serialize/python_text.h"

#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string_view>

#include "utf8.h"

namespace course {
namespace {

// What neither Python nor YAML shows as it is, as the escape of both; "" for the others. A byte
// that is not UTF-8 becomes the lone surrogate that Python's os.fsdecode makes of it.
std::string escape_of(const Character& character) {
  const auto code = static_cast<uint32_t>(character.code);
  if (!character.valid) return fmt::format("\\u{:04x}", 0xdc00 + code);
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return fmt::format("\\x{:02x}", code);
  const bool is_hidden = code == 0x2028 || code == 0x2029 || code == 0xfeff || code >= 0xfffe;
  if (is_hidden && code <= 0xffff) return fmt::format("\\u{:04x}", code);
  return "";
}

std::string quoted(const std::string& text, char quote) {
  std::string result(1, quote);
  for (std::string_view rest = text; !rest.empty();) {
    const Character character = first_character(rest);
    const std::string escape = escape_of(character);
    if (rest[0] == quote || rest[0] == '\\') result += '\\';
    result += escape.empty() ? rest.substr(0, character.bytes) : escape;
    rest.remove_prefix(character.bytes);
  }
  return result + quote;
}

std::string repr(const Value& value);

std::string repr_of_items(const List& items) {
  std::string result;
  for (const Value& item : items) result += (result.empty() ? "" : ", ") + repr(item);
  return result;
}

std::string repr(const Value& value) {
  if (value.is<std::string>()) return quoted(value.as_string(), '\'');
  if (value.is<List>()) return "[" + repr_of_items(value.as_list()) + "]";
  if (value.is<Tuple>()) {
    const List& items = value.as_tuple();
    return "(" + repr_of_items(items) + (items.size() == 1 ? ",)" : ")");
  }
  if (value.is<Dict>()) {
    std::string result;
    for (const auto& [key, item] : value.as_dict()) {
      result += (result.empty() ? "" : ", ") + repr(key) + ": " + repr(item);
    }
    return "{" + result + "}";
  }
  return python_str(value);
}

// A float that YAML 1.1 takes for one: it needs a point in "1.0e-05".
std::string yaml_float(double number) {
  if (std::isnan(number)) return ".nan";
  if (std::isinf(number)) return number < 0 ? "-.inf" : ".inf";
  std::string text = python_float(number);
  const size_t e = text.find('e');
  if (e != std::string::npos && text.find('.') == std::string::npos) text.insert(e, ".0");
  return text;
}

bool is_plain(const std::string& text) {
  constexpr std::array kReserved = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto fits = [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-' || c == '/';
  };
  if (text.empty() || !is_letter(text.front())) return false;
  if (!std::all_of(text.begin(), text.end(), fits)) return false;
  std::string lower = text;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return std::find(kReserved.begin(), kReserved.end(), lower) == kReserved.end();
}

std::string yaml_text(const std::string& text) {
  return is_plain(text) ? text : quoted(text, '"');
}

bool is_left_out(const Value& value) {
  if (value.is<Unusable>()) return true;
  return value.is<torch::Tensor>() &&
         (value.as_tensor().numel() != 1 || value.as_tensor().is_complex());
}
bool is_left_out(const Dict::Item& item) {
  return item.first.is<Unusable>() || is_left_out(item.second);
}

// On one line.
std::string yaml_flow(const Value& value) {
  if (value.is_none()) return "null";
  if (value.is<bool>()) return value.as_bool() ? "true" : "false";
  if (value.is<int64_t>()) return std::to_string(value.as_int());
  if (value.is<double>()) return yaml_float(value.as_double());
  if (value.is<std::string>()) return yaml_text(value.as_string());
  if (value.is<torch::Tensor>()) {
    const torch::Tensor& tensor = value.as_tensor();
    if (tensor.is_floating_point()) return yaml_float(tensor.item<double>());
    return std::to_string(tensor.item<int64_t>());
  }
  std::string result;
  if (value.is<Dict>()) {
    for (const Dict::Item& item : value.as_dict()) {
      if (is_left_out(item)) continue;
      result +=
          (result.empty() ? "" : ", ") + yaml_flow(item.first) + ": " + yaml_flow(item.second);
    }
    return "{" + result + "}";
  }
  for (const Value& item : value.is<Tuple>() ? value.as_tuple() : value.as_list()) {
    if (is_left_out(item)) continue;
    result += (result.empty() ? "" : ", ") + yaml_flow(item);
  }
  return "[" + result + "]";
}

void yaml_block(const Dict& dict, const std::string& indent, std::string& out) {
  for (const Dict::Item& item : dict) {
    if (is_left_out(item)) continue;
    const auto& [key, value] = item;
    out += indent + yaml_flow(key) + ":";
    if (value.is<Dict>() && value.as_dict().size() > 0) {
      out += "\n";
      yaml_block(value.as_dict(), indent + "  ", out);
    } else {
      out += " " + yaml_flow(value) + "\n";
    }
  }
}

}  // namespace

std::string python_float(double number) {
  const std::string text = fmt::format("{}", number);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}

std::string python_str(const Value& value) {
  if (value.is_none()) return "None";
  if (value.is<bool>()) return value.as_bool() ? "True" : "False";
  if (value.is<int64_t>()) return std::to_string(value.as_int());
  if (value.is<double>()) return python_float(value.as_double());
  if (value.is<std::string>()) return value.as_string();
  if (value.is<torch::Tensor>()) {
    return fmt::format("tensor({})", fmt::join(value.as_tensor().sizes(), ", "));
  }
  if (value.is<Unusable>()) return "<" + value.kind() + ">";
  return repr(value);
}

std::string yaml(const Dict& dict) {
  std::string text;
  yaml_block(dict, "", text);
  return text.empty() ? "{}\n" : text;
}

}  // namespace course
