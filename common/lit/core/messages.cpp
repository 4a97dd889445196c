// What the library has to say beside its results: notes and warnings, to wherever the host wants.
#include "lit/core/messages.h"

#include <iostream>
#include <utility>

namespace lit {
namespace {

MessageHandler& handler() {
  static MessageHandler current = [](Level level, const std::string& text) {
    std::cerr << (level == Level::warning ? "warning: " : "") << text << std::endl;
  };
  return current;
}

thread_local bool silent = false;

void say(Level level, const std::string& text) {
  if (!silent && handler()) handler()(level, text);
}

}  // namespace

MessageHandler set_message_handler(MessageHandler next) {
  return std::exchange(handler(), std::move(next));
}

Silence::Silence(bool wanted) : before_(std::exchange(silent, silent || wanted)) {}
Silence::~Silence() {
  silent = before_;
}

void info(const std::string& text) {
  say(Level::info, text);
}

void warn(const std::string& text) {
  say(Level::warning, text);
}

}  // namespace lit
