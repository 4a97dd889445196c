// What the result of a run depends on besides its config: the code, the libraries, the machine.
#include "run/environment.h"

namespace course {

std::vector<Fact> environment() {
  std::vector<Fact> facts{{"git revision", git_revision()}};
  for (Fact& fact : machine()) facts.push_back(std::move(fact));
  return facts;
}

}  // namespace course
