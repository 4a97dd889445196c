// The one place with OpenMP in it: compiled with its flags, without a header of libtorch.
#include "device/parallel.h"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace course::detail {

void run_in_parallel(int threads, int64_t n, Part part, void* action) {
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads)
  {
    const int64_t share = (n + omp_get_num_threads() - 1) / omp_get_num_threads();
    const int64_t begin = omp_get_thread_num() * share;
    if (begin < n) part(action, begin, begin + share < n ? begin + share : n);
  }
#else
  (void)threads;
  part(action, 0, n);
#endif
}

}  // namespace course::detail
