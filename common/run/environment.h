// What the result of a run depends on besides its config: the code, the libraries, the machine.
#pragma once

#include <string>
#include <vector>

#include "device/machine.h"

namespace course {

/// The git revision that this program was built from, and whether the tree was clean then:
/// "5d2f1a0 (clean)", "5d2f1a0 (with changes that were not committed)", or "unknown: not built from
/// a git repository".
std::string git_revision();

/// The git revision, and what machine() says.
std::vector<Fact> environment();

}  // namespace course
