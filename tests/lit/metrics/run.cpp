// Runs cases of metrics (cases.py): a case a line from stdin, the values of its steps a line to
// stdout.
#include <iostream>
#include <string>

#include "cases.h"
#include "lit/core/messages.h"

int main() {
  torch::set_num_threads(1);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << lit::cases::run(lit::cases::Json::parse(line)).dump() << "\n" << std::flush;
  }
}
