// Weights out of a checkpoint, in a run or without one.
#include "lit/checkpoint/weights.h"

#include <spdlog/fmt/fmt.h>

#include "lit/checkpoint/errors.h"
#include "lit/core/messages.h"
#include "printable.h"
#include "serialize/state_dict.h"

namespace lit {

void load_weights(torch::nn::Module& module, const course::Dict& state, bool strict) {
  if (strict) {
    course::load_state_dict(module, state);
    return;
  }
  const std::string differences = course::load_matching(module, state);
  if (!differences.empty()) warn("weights were loaded as far as they fit" + differences);
}

std::string about_checkpoint(const std::filesystem::path& path, const std::string& cannot,
                             const std::exception& error) {
  constexpr size_t kMost = 2'000;
  return fmt::format("{} cannot {}: {}", path.string(), cannot,
                     course::printable(error.what(), kMost));
}

}  // namespace lit
