// Seeds libtorch before main() when the environment's COURSE_SEED is set, so that tests and pages
// can repeat the runs of lessons whose programs do not know of seeds yet (step08 is where they come
// in).
#include <torch/utils.h>

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

bool seed_from_environment() {
  const char* value = std::getenv("COURSE_SEED");
  if (value == nullptr || *value == '\0') return false;
  const std::string_view text(value);
  uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size()) {
    std::fprintf(stderr, "error: COURSE_SEED must be a whole number of at least 0, not '%s'\n",
                 value);
    std::_Exit(2);
  }
  torch::manual_seed(seed);
  return true;
}

[[maybe_unused]] const bool seeded = seed_from_environment();

}  // namespace
