// Files that cannot grow, as if the disk were full.
#pragma once

#include <sys/resource.h>

#include <csignal>

namespace course::testing {

/// Files may be so long and no longer, for the time of an action.
template <typename Action>
void with_file_limit(rlim_t bytes, Action&& action) {
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit limit{bytes, before.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ::setrlimit(RLIMIT_FSIZE, &limit);
  action();
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
}

}  // namespace course::testing
