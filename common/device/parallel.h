// Work shared by the threads that libtorch computes with.
#pragma once

#include <cstdint>
#include <type_traits>

namespace course {

namespace detail {
using Part = void (*)(void* action, int64_t begin, int64_t end);
void run_in_parallel(int threads, int64_t n, Part part, void* action);
/// How many threads are worth it: as many as libtorch may use, each with at least `grain`.
int threads_for(int64_t n, int64_t grain);
}  // namespace detail

/// Calls action(begin, end) for parts of [0, n), one for each thread. libtorch's at::parallel_for
/// does it only in files that are compiled with OpenMP, which those with a precompiled header are
/// not. What the action throws must not leave it.
/// @param grain  the least that is worth a thread of its own
template <typename Action>
void parallel_for(int64_t n, int64_t grain, Action&& action) {
  const int threads = detail::threads_for(n, grain);
  if (threads <= 1) {
    if (n > 0) action(int64_t{0}, n);
    return;
  }
  using A = std::remove_reference_t<Action>;
  detail::run_in_parallel(
      threads, n, [](void* it, int64_t begin, int64_t end) { (*static_cast<A*>(it))(begin, end); },
      const_cast<void*>(static_cast<const void*>(&action)));
}

}  // namespace course
