// Work shared by the threads that libtorch computes with: how many.
#include "device/parallel.h"

#include <ATen/Parallel.h>

#include <algorithm>

namespace course::detail {

int threads_for(int64_t n, int64_t grain) {
  if (n <= grain || at::in_parallel_region()) return 1;
  return static_cast<int>(std::min<int64_t>(at::get_num_threads(), (n + grain - 1) / grain));
}

}  // namespace course::detail
