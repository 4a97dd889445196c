// The main() of a program that trains.
#include "lit/run_main.h"

#include <exception>

#include "device/threads.h"
#include "terminal/program_end.h"

namespace lit {

int run_main(const std::function<void()>& body) {
  try {
    course::set_up_threads();
    body();
    course::finish_output();
    return 0;
  } catch (...) {
    return course::report_end(std::current_exception(), "batch size");
  }
}

}  // namespace lit
