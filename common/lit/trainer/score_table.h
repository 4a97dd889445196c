// What an evaluation has come to, as a table.
#pragma once

#include <vector>

#include "lit/run/log_session.h"

namespace lit {

/// Prints the scores, a column for each loader.
void print_scores(bool test, const std::vector<Scores>& scores);

}  // namespace lit
