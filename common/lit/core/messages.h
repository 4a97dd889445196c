// What the library has to say beside its results: notes and warnings, to wherever the host wants.
#pragma once

#include <exception>
#include <functional>
#include <string>

namespace lit {

enum class Level { info, warning };

/// Takes every message; the text has no line break at its end.
using MessageHandler = std::function<void(Level level, const std::string& text)>;

/// Replaces the handler of this process, and returns the one before. The first one writes to the
/// standard error: "the text", or "warning: the text". An empty handler drops all messages.
MessageHandler set_message_handler(MessageHandler handler);

void info(const std::string& text);
void warn(const std::string& text);

/// While one is alive that was told to, this thread says nothing: a process that is not the first
/// of several would say everything once more.
class Silence {
 public:
  explicit Silence(bool silent);
  ~Silence();
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  bool before_;
};

/// Runs an action while another error is on its way: what it throws becomes a warning that names
/// `who`.
template <typename Action>
void only_warn(const std::string& who, Action&& action) {
  const std::string before = who + " failed, too, while an error was handled: ";
  try {
    action();
  } catch (const std::exception& error) {
    warn(before + error.what());
  } catch (...) {
    warn(before + "an exception that is no std::exception");
  }
}

}  // namespace lit
