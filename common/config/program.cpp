// Runs a program's body and turns what it throws into one sentence and an exit code.
#include "config/program.h"

#include <exception>
#include <iostream>

#include "config/flags.h"
#include "device/threads.h"
#include "terminal/program_end.h"

namespace course {

int run_program(const std::function<void()>& body, const std::string& batch_size) {
  try {
    set_up_threads();
    body();
    finish_output();
    return 0;
  } catch (const HelpRequested& help) {
    std::cout << help.text << std::flush;
    return 0;
  } catch (...) {
    return report_end(std::current_exception(), batch_size);
  }
}

}  // namespace course
