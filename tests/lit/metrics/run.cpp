// Runs cases of metrics (cases.py): a case a line from stdin, the values of its steps a line to
// stdout. What it is given is the device, "cuda"; else the CPU.
#include <iostream>
#include <string>

#include "cases.h"

int main(int count, char** words) {
  torch::set_num_threads(1);
  if (count > 1) lit::cases::device = torch::Device(words[1]);
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << lit::cases::run(lit::cases::Json::parse(line)).dump() << "\n" << std::flush;
  }
}
