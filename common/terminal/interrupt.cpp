// Ctrl-C, SIGTERM and SIGHUP as something a loop can notice between two steps, instead of dying in
// one.
#include "terminal/interrupt.h"

#include <csignal>
#include <iterator>

#include "unfinished_file.h"

namespace course {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t noted = 0;
volatile std::sig_atomic_t stops = 0;     // SIGINT and SIGTERM since the first guard
volatile std::sig_atomic_t hang_ups = 0;  // SIGHUP
int guards = 0;
struct sigaction before[std::size(kSignals)];

// A terminal that closes sends SIGHUP, and the shell in it does so once more: that is one.
extern "C" void take_note(int signal) {
  volatile std::sig_atomic_t& count = signal == SIGHUP ? hang_ups : stops;
  const bool first = count == 0;
  count = 1;
  if (first) {
    noted = signal;
  } else if (signal != SIGHUP) {
    UnfinishedFile::remove_all();
    std::signal(signal, SIG_DFL);
    std::raise(signal);  // ends the process when this function returns
  }
}

}  // namespace

const char* Interrupted::what() const noexcept {
  switch (signal_) {
    case SIGINT:
      return "stopped by Ctrl-C";
    case SIGHUP:
      return "stopped by SIGHUP";
    default:
      return "stopped by SIGTERM";
  }
}

InterruptGuard::InterruptGuard() {
  if (guards++ > 0) return;
  noted = 0;
  stops = 0;
  hang_ups = 0;
  struct sigaction action {};
  action.sa_handler = take_note;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < std::size(kSignals); ++i) {
    sigaction(kSignals[i], nullptr, &before[i]);
    // What the parent ignores (nohup) stays ignored.
    if (before[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  if (--guards > 0) return;
  for (size_t i = 0; i < std::size(kSignals); ++i) sigaction(kSignals[i], &before[i], nullptr);
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
