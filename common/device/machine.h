// What the numbers of a run depend on besides the code: the libraries and the machine.
#pragma once

#include <string>
#include <vector>

namespace course {

/// One thing worth writing down, such as {"libtorch", "1.13.1"}.
struct Fact {
  std::string name;
  std::string value;
};

/// libtorch, compiler, BLAS, processor (with the instruction set libtorch picked) and CUDA devices,
/// in this order.
std::vector<Fact> machine();

}  // namespace course
