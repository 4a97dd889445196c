// Reads the TOML files that configs are.
#include "config/toml_file.h"

#include <algorithm>
#include <fstream>
#include <string_view>

#include "error.h"
#include "printable.h"

namespace course {
namespace {

constexpr size_t kLargest = 1 << 20;  // bytes
constexpr size_t kLongestKey = 100;   // characters
constexpr int kDeepest = 32;          // brackets in each other, or tables in a dotted key

[[noreturn]] void refuse(const std::string& path, int64_t line, const std::string& what) {
  throw UsageError(path + ":" + std::to_string(line) + ": " + what);
}

// What the parser must not see. It calls itself for each bracket and each part of a key, and so do
// those who walk through what it makes; and toml++ 3.3 takes for granted that a table's name begins
// as one, and that letters beyond ASCII stand in texts and comments alone.
class Check {
 public:
  Check(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  void run() {
    if (text_.substr(0, 3) == "\xef\xbb\xbf") at_ = 3;  // the mark of UTF-8 that some editors write
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '#') {
        skip_to("\n", false);
      } else if (c == '"' || c == '\'') {
        const bool is_long = text_.substr(at_, 3) == std::string(3, c);
        at_ += is_long ? 3 : 1;
        skip_to(is_long ? std::string(3, c) : std::string(1, c), c == '"');
        // A long text may end with two quotes of its own.
        for (int i = 0; is_long && i < 2 && text_.substr(at_, 1) == std::string(1, c); ++i) ++at_;
      } else {
        refuse_letter(c);
        if (c == '[' && open_ == 0 && is_first_) check_name();
        count(c);
        ++at_;
      }
      is_first_ = c == '\n' || (is_first_ && (c == ' ' || c == '\t'));
    }
  }

 private:
  void check_name() const {
    size_t begin = at_ + 1;
    if (text_.substr(begin, 1) == "[") ++begin;
    begin = std::min(text_.find_first_not_of(" \t", begin), text_.size());
    const std::string_view first = text_.substr(begin, 1);
    constexpr std::string_view kAlso = "_-\"']";  // "[]" the parser refuses
    const bool begins = first.empty() || kAlso.find(first) != std::string_view::npos ||
                        (first[0] >= '0' && first[0] <= '9') ||
                        (first[0] >= 'A' && first[0] <= 'Z') ||
                        (first[0] >= 'a' && first[0] <= 'z');
    if (!begins) {
      refuse(path_, line_, "the name of a table begins with a letter, a digit or a quote");
    }
  }

  void count(char c) {
    if (c == '\n') ++line_;
    if (c == '[' || c == '{') ++open_;
    if ((c == ']' || c == '}') && open_ > 0) --open_;
    if (c == '.') {
      ++points_;
    } else if (std::string_view("=,\n[]{}").find(c) != std::string_view::npos) {
      points_ = 0;
    }
    if (open_ > kDeepest || points_ > kDeepest) {
      refuse(path_, line_,
             "is nested more than " + std::to_string(kDeepest) + " deep, which no config is");
    }
  }

  // Behind the next `end`; a text of one line ends with the line.
  void skip_to(std::string_view end, bool has_escapes) {
    while (at_ < text_.size() && text_.substr(at_, end.size()) != end) {
      if (text_[at_] == '\n' && end.size() == 1) return;
      if (text_[at_] == '\\' && has_escapes) {
        skip_escape(end.size() > 1);
      } else {
        if (text_[at_] == '\n') ++line_;
        ++at_;
      }
    }
    if (end != "\n") at_ = std::min(at_ + end.size(), text_.size());
  }

  // A letter, or at the end of a line of a long text all blanks behind it.
  void skip_escape(bool is_long) {
    const size_t begin = ++at_;
    for (; is_long && at_ < text_.size() && is_blank(text_[at_]); ++at_) {
      if (text_[at_] == '\n') ++line_;
    }
    if (at_ == text_.size()) return;
    refuse_letter(text_[at_]);
    if (at_ == begin && text_[at_] != '\n') ++at_;
  }
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

  void refuse_letter(char c) const {
    if (static_cast<unsigned char>(c) < 0x80) return;
    refuse(path_, line_,
           "letters beyond ASCII stand in quotes and comments alone, not behind a \\");
  }

  const std::string_view text_;
  const std::string& path_;
  size_t at_ = 0;
  int64_t line_ = 1;
  int open_ = 0, points_ = 0;
  bool is_first_ = true;  // of its line, blanks aside
};

void check_keys(const toml::node& node, const std::string& path) {
  if (const toml::array* items = node.as_array()) {
    for (const toml::node& item : *items) check_keys(item, path);
  }
  if (const toml::table* table = node.as_table()) {
    for (const auto& [key, item] : *table) {
      if (printable(key.str(), kLongestKey) != key.str()) {
        refuse(path, item.source().begin.line,
               "'" + printable(key.str()) + "' is no key that a config has");
      }
      check_keys(item, path);
    }
  }
}

}  // namespace

toml::table parse_toml(const std::string& text, const std::string& path) {
  if (text.size() > kLargest) {
    throw UsageError(path + " is larger than 1 MiB, which no config is");
  }
  Check(text, path).run();
  try {
    toml::table table = toml::parse(text, path);
    check_keys(table, path);
    return table;
  } catch (const toml::parse_error& error) {
    refuse(path, error.source().begin.line, printable(error.description(), 300));
  }
}

toml::table read_toml(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kLargest + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) throw UsageError(path + " cannot be read");
  text.resize(static_cast<size_t>(file.gcount()));
  return parse_toml(text, path);
}

}  // namespace course
