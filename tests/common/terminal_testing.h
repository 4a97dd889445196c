// A pseudo-terminal and a screen one line high, to see what programs do to a real one.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <initializer_list>
#include <map>
#include <ostream>
#include <streambuf>
#include <string>
#include <utility>
#include <vector>

#include "terminal/format.h"

namespace course::testing {

/// Environment variables as examine_terminal() reads them.
class Variables {
 public:
  Variables(std::initializer_list<std::pair<const char*, const char*>> values) {
    for (const auto& [name, value] : values) values_[name] = value;
  }
  const char* operator()(const char* name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? nullptr : found->second.c_str();
  }

 private:
  std::map<std::string, std::string> values_;
};

/// Both ends of a pseudo-terminal so many columns wide.
class PseudoTerminal {
 public:
  explicit PseudoTerminal(unsigned short columns) : master_(posix_openpt(O_RDWR | O_NOCTTY)) {
    if (master_ < 0 || grantpt(master_) != 0 || unlockpt(master_) != 0) return;
    slave_ = ::open(ptsname(master_), O_RDWR | O_NOCTTY);
    const winsize size{.ws_row = 24, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ioctl(slave_, TIOCSWINSZ, &size);
  }
  ~PseudoTerminal() {
    ::close(slave_);
    ::close(master_);
  }
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  /// The end that a program writes to.
  int descriptor() const { return slave_; }
  /// What has been written since the last call.
  std::string read() const {
    // The kernel hands the bytes over when it likes: read until one of our own has come through.
    constexpr char kEnd = '\001';
    std::string text;
    if (::write(slave_, &kEnd, 1) != 1) return "the pseudo-terminal cannot be written to";
    for (char byte = 0; ::read(master_, &byte, 1) == 1 && byte != kEnd;) text += byte;
    return text;
  }

 private:
  int master_ = -1;
  int slave_ = -1;
};

/// A stream into an open file.
class DescriptorStream : private std::streambuf, public std::ostream {
 public:
  explicit DescriptorStream(int descriptor)
      : std::ostream(static_cast<std::streambuf*>(this)), descriptor_(descriptor) {}

 private:
  int overflow(int c) override {
    const char byte = static_cast<char>(c);
    return ::write(descriptor_, &byte, 1) == 1 ? c : std::streambuf::traits_type::eof();
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    return ::write(descriptor_, text, static_cast<std::size_t>(size));
  }
  int descriptor_;
};

/// What a terminal shows after `bytes`: finished lines and, last, the one that the cursor is in.
/// Knows the three things a progress bar may use (return, newline, "erase to the end of the line");
/// anything else that controls a terminal is a failure.
inline std::vector<std::string> screen_after(const std::string& bytes) {
  std::vector<std::string> lines{""};
  std::string typed;  // since the last return, over what stands in the line
  const auto settle = [&] {
    const std::string line = lines.back();
    std::string rest;
    for (std::size_t i = 0; i < line.size(); ++i) {  // keep what is right of what was typed
      if (display_width(line.substr(0, i)) == display_width(typed)) {
        rest = line.substr(i);
        break;
      }
    }
    lines.back() = typed + rest;
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\r') {
      settle();
      typed.clear();
    } else if (bytes[i] == '\n') {
      settle();
      typed.clear();
      lines.emplace_back();
    } else if (bytes.compare(i, 3, "\033[K") == 0) {
      lines.back() = typed;
      i += 2;
    } else {
      EXPECT_GE(static_cast<unsigned char>(bytes[i]), 0x20) << "at byte " << i;
      typed += bytes[i];
    }
  }
  settle();
  return lines;
}

}  // namespace course::testing
