// Ctrl-C, SIGTERM and SIGHUP as something a loop can notice between two steps, instead of dying in
// one.
#pragma once

#include <exception>

namespace course {

/// Thrown by throw_if_interrupted(). run_program answers it with one line and the exit code that
/// shells use, 128 + signal: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP (the terminal closed).
class Interrupted : public std::exception {
 public:
  explicit Interrupted(int signal) : signal_(signal) {}
  int signal() const { return signal_; }
  const char* what() const noexcept override;

 private:
  int signal_;
};

/// While one is alive the first SIGINT or SIGTERM is only taken note of; the second ends the
/// process at once, as without, and leaves no UnfinishedFile behind. SIGHUP is taken note of as
/// well, and never ends the process, since it comes twice: from the terminal and from the shell.
/// A signal that the parent ignores (nohup) stays ignored. The last guard to go puts back what was
/// there before, and raises a signal again that nobody asked for. Guards nest; make them in the
/// main thread.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

/// @throws Interrupted if a signal was taken note of and has not been thrown yet
void throw_if_interrupted();

}  // namespace course
