// How many threads libtorch computes with, so that a machine is used well even while it does other
// things.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace course {

/// The number of threads in use, and where it comes from: "half of 4 physical cores",
/// "OMP_NUM_THREADS=1".
struct ThreadChoice {
  int64_t threads = 1;
  std::string reason;
};

/// What a thread count depends on.
struct Processors {
  int64_t logical = 1;   ///< hardware threads of the machine
  int64_t physical = 1;  ///< cores of those this process may run on
  int64_t allowed = 1;   ///< hardware threads in the process's affinity mask
  double quota = 0;      ///< processors' worth of time the container may use; 0: no limit
  /// $OMP_NUM_THREADS: of a list the first; 0: not set, or no list of positive numbers.
  int64_t omp_num_threads = 0;
};

/// This machine, as seen from this process. The files of /proc and /sys are read below `root`.
Processors find_processors(const std::filesystem::path& root = "/");

/// The policy: `requested` if positive; else OMP_NUM_THREADS; else half as many threads as there
/// are physical cores that the process may use, at most as many as its quota pays for, at least
/// one. The same machine always gives the same answer (no timing), so that sums are added in the
/// same order and come out with the same bits.
/// @param option  what the program calls the option that `requested` comes from
/// @throws UsageError when `requested` is not from 0 to 1024, or OMP_NUM_THREADS is larger
ThreadChoice choose_threads(int64_t requested, const Processors& processors,
                            const std::string& option = "--threads");

/// Applies the policy to libtorch on this machine (at::set_num_threads).
ThreadChoice set_up_threads(int64_t requested = 0, const std::string& option = "--threads");

}  // namespace course
