// What the result of a run depends on besides its config: the code, the libraries, the machine.
#pragma once

#include <string>
#include <vector>

namespace course {

/// One thing worth writing down, such as {"libtorch", "1.13.1"}.
struct Fact {
  std::string name;
  std::string value;
};

/// The git revision that this program was built from, and whether the tree was clean then:
/// "5d2f1a0 (clean)", "5d2f1a0 (with changes that were not committed)", or "unknown: not built from
/// a git repository".
std::string git_revision();

/// git revision, libtorch, compiler, BLAS, processor (with the instruction set libtorch picked) and
/// CUDA devices, in this order.
std::vector<Fact> environment();

}  // namespace course
