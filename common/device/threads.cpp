// The thread policy: one thread for each physical core that the process may use.
//
// Measured on two cores, Debian 12, OpenBLAS with OpenMP, milliseconds a step of an MLP and of a
// CNN: idle, one thread 2.2 and 23, two 1.5 and 18; with both cores busy elsewhere, one thread 3.2
// and 45, two that wait by spinning 40 and 174, two that wait asleep 4.5 and 72. Hence two threads,
// and before_main/wait_policy.cpp.
#include "device/threads.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

#include "error.h"

namespace course {
namespace {

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The quota of a cgroup in processors, 0 for none: version 2's "max 100000" or "150000 100000".
double quota_of(const std::string& folder) {
  std::istringstream line(first_line(folder + "/cpu.max"));
  std::string quota;
  double period = 0;
  if (!(line >> quota >> period) || quota == "max" || period <= 0) return 0;
  return std::strtod(quota.c_str(), nullptr) / period;
}

/// The smallest quota between this process's cgroup and the root.
double find_quota(const std::filesystem::path& root) {
  std::string path = first_line((root / "proc/self/cgroup").string());
  if (path.rfind("0::", 0) != 0) return 0;
  path = path.substr(3);
  double smallest = 0;
  while (true) {
    const double quota = quota_of((root / "sys/fs/cgroup").string() + path);
    if (quota > 0 && (smallest == 0 || quota < smallest)) smallest = quota;
    if (path.empty() || path == "/") return smallest;
    path = path.substr(0, path.rfind('/'));
  }
}

int64_t omp_num_threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (text == nullptr) return 0;
  const int64_t number = std::strtoll(text, nullptr, 10);
  return number > 0 ? number : 0;
}

std::string count(int64_t number, const std::string& thing) {
  return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
}

}  // namespace

Processors find_processors(const std::filesystem::path& root) {
  Processors found;
  found.logical = std::max<int64_t>(1, std::thread::hardware_concurrency());
  found.allowed = found.physical = found.logical;
  found.omp_num_threads = omp_num_threads();
#if defined(__linux__)
  found.quota = find_quota(root);
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) {
    found.allowed = CPU_COUNT(&mask);
    std::set<std::string> cores;  // hardware threads of one core name the same siblings
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &mask)) continue;
      const std::string siblings =
          first_line((root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) /
                      "topology/thread_siblings_list")
                         .string());
      cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
    }
    found.physical = std::max<int64_t>(1, static_cast<int64_t>(cores.size()));
  }
#endif
  return found;
}

ThreadChoice choose_threads(int64_t requested, const Processors& processors) {
  if (requested < 0) {
    throw UsageError(
        "--threads takes a whole number of at least 0 (0: as many as there are cores), not '" +
        std::to_string(requested) + "'");
  }
  if (requested > 0) return {requested, "asked for"};
  if (processors.omp_num_threads > 0) {
    return {processors.omp_num_threads,
            "OMP_NUM_THREADS=" + std::to_string(processors.omp_num_threads)};
  }
  const auto paid = static_cast<int64_t>(std::floor(processors.quota));
  if (processors.quota > 0 && paid < processors.physical) {
    std::ostringstream quota;
    quota << processors.quota;
    return {std::max<int64_t>(1, paid), "a quota of " + quota.str() + " processors"};
  }
  return {processors.physical, count(processors.physical, "physical core")};
}

ThreadChoice set_up_threads(int64_t requested) {
  const ThreadChoice choice = choose_threads(requested, find_processors());
  at::set_num_threads(static_cast<int>(choice.threads));
  return choice;
}

}  // namespace course
