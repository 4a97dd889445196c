// Runs a program's body and turns what it throws into one sentence and an exit code.
#include "config/program.h"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <new>
#include <string>

#include "compat/torch.h"
#include "config/flags.h"
#include "device/threads.h"
#include "error.h"
#include "printable.h"
#include "terminal/interrupt.h"

namespace course {
namespace {

// Whatever a message carries, a terminal does nothing but show it.
int fail(int code, const std::string& message) {
  std::fflush(stdout);
  std::string lines;
  for (size_t begin = 0; begin <= message.size();) {
    const size_t end = std::min(message.find('\n', begin), message.size());
    lines += (begin == 0 ? "" : "\n") + printable(message.substr(begin, end - begin), 10'000);
    begin = end + 1;
  }
  std::cerr << "error: " << lines << std::endl;
  return code;
}

void finish_output() {
  std::cout.flush();
  if (std::cout.fail() || std::fflush(stdout) != 0) {
    throw Error("standard output could not be written (is the disk full?)");
  }
}

}  // namespace

int run_program(const std::function<void()>& body, const std::string& batch_size) {
  try {
    set_up_threads();
    body();
    finish_output();
    return 0;
  } catch (const HelpRequested& help) {
    std::cout << help.text << std::flush;
    return 0;
  } catch (const Interrupted& stop) {
    std::fflush(stdout);
    std::cerr << stop.what() << std::endl;
    return 128 + stop.signal();
  } catch (const UsageError& error) {
    return fail(2, error.what());
  } catch (const c10::Error& error) {
    return fail(1, error.what_without_backtrace());
  } catch (const std::bad_alloc&) {
    return fail(1, "the machine has no memory left" +
                       (batch_size.empty() ? "" : "; a smaller " + batch_size + " needs less"));
  } catch (const std::exception& error) {
    return fail(1, error.what());
  }
}

}  // namespace course
