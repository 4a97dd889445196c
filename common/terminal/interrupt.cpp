// Ctrl-C and SIGTERM as something a loop can notice between two steps, instead of dying in one.
#include "terminal/interrupt.h"

#include <csignal>

namespace course {
namespace {

volatile std::sig_atomic_t noted = 0;
int guards = 0;
struct sigaction before_int, before_term;

extern "C" void take_note(int signal) {
  noted = signal;
}

}  // namespace

const char* Interrupted::what() const noexcept {
  return signal_ == SIGINT ? "stopped by Ctrl-C" : "stopped by SIGTERM";
}

InterruptGuard::InterruptGuard() {
  if (guards++ > 0) return;
  noted = 0;
  struct sigaction action {};
  action.sa_handler = take_note;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, nullptr, &before_int);
  sigaction(SIGTERM, nullptr, &before_term);
  // What the parent ignores (nohup) stays ignored.
  if (before_int.sa_handler != SIG_IGN) sigaction(SIGINT, &action, nullptr);
  if (before_term.sa_handler != SIG_IGN) sigaction(SIGTERM, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  if (--guards > 0) return;
  sigaction(SIGINT, &before_int, nullptr);
  sigaction(SIGTERM, &before_term, nullptr);
  if (noted == 0) return;
  const int signal = noted;  // nobody asked any more: it does what it would have done
  noted = 0;
  std::raise(signal);
}

void throw_if_interrupted() {
  if (noted == 0) return;
  const int signal = noted;
  noted = 0;
  throw Interrupted(signal);
}

}  // namespace course
