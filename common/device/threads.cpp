// The thread policy: half of the physical cores that the process may use.
//
// A step has many parallel parts of some microseconds each, and each waits for the slowest thread.
// One thread too many, for which another process leaves no core, costs more than the others bring.
// Measured on two cores (./course bench threads), time of two threads against one: an idle machine
// 0.8 for an MLP and 1.2 for one linear layer, which is too small to be divided; beside a process
// that keeps one core busy 1.9 and 1.1, and with threads that wait by spinning
// (before_main/wait_policy.cpp) 7 and 5. Hence one thread on two cores, and with more of them half:
// what is slower than one thread there needs half of the machine to be taken by others.
#include "device/threads.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <string_view>
#include <thread>
#if defined(__linux__)
#include <sched.h>
#endif

#include "error.h"

namespace course {
namespace {

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// The quota that a group's folder sets, in processors, 0 for none: version 2 of control groups has
/// "max 100000" or "150000 100000" (microseconds used, of how many), version 1 a file for each.
double quota_of(const std::filesystem::path& folder) {
  std::istringstream line(first_line(folder / "cpu.max") + " " +
                          first_line(folder / "cpu.cfs_quota_us") + " " +
                          first_line(folder / "cpu.cfs_period_us"));
  double used = 0, period = 0;
  return line >> used >> period && used > 0 && period > 0 ? used / period : 0;
}

/// The smallest quota of the groups around this process: each of them limits it.
double find_quota(const std::filesystem::path& root) {
  double smallest = 0;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "0::/a/b" or "4:cpu,cpuacct:/a/b"
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && ("," + controllers + ",").find(",cpu,") == std::string::npos) {
      continue;
    }
    std::filesystem::path group = std::filesystem::path(line.substr(second + 1)).relative_path();
    while (true) {
      const double quota = quota_of(root / "sys/fs/cgroup" / controllers / group);
      if (quota > 0 && (smallest == 0 || quota < smallest)) smallest = quota;
      if (group.empty()) break;
      group = group.parent_path();
    }
  }
  return smallest;
}

/// How many processors "0-3,8" counts, 0 where it is no such list.
int64_t count_processors(const std::string& list) {
  std::istringstream in(list);
  int64_t count = 0;
  for (std::string part; std::getline(in, part, ',');) {
    int64_t first = 0, last = 0;
    char dash = '-';
    std::istringstream range(part);
    if (!(range >> first)) return 0;
    if (!(range >> dash >> last)) last = first;
    count += last - first + 1;
  }
  return count;
}

constexpr int64_t kMostThreads = 1024;

/// A whole number of at least 1, with spaces around it; 0 where it is none, and the largest there
/// is for one that is larger.
int64_t positive_number(std::string_view text) {
  constexpr const char* kSpaces = " \t";
  const std::size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return 0;
  text = text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size() || text.starts_with('-')) return 0;
  return error == std::errc::result_out_of_range ? std::numeric_limits<int64_t>::max() : number;
}

/// The first of a list; 0 where one of it is no number, which libgomp ignores with a message.
int64_t omp_num_threads() {
  const char* text = std::getenv("OMP_NUM_THREADS");
  if (text == nullptr) return 0;
  int64_t first = 0;
  std::string_view list = text;
  for (bool more = true; more;) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const int64_t number = positive_number(list.substr(0, comma));
    if (number <= 0) return 0;
    if (first == 0) first = number;
    more = comma < list.size();
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return first;
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
  // hardware_concurrency() counts the affinity mask, not the machine
  const int64_t online = count_processors(first_line(root / "sys/devices/system/cpu/online"));
  if (online > 0) found.logical = online;
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof(mask), &mask) == 0) {
    found.allowed = CPU_COUNT(&mask);
    std::set<std::string> cores;  // hardware threads of one core name the same siblings
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (!CPU_ISSET(cpu, &mask)) continue;
      const std::string siblings =
          first_line(root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu)) /
                     "topology/thread_siblings_list");
      cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
    }
    found.physical = std::max<int64_t>(1, static_cast<int64_t>(cores.size()));
  }
#endif
  return found;
}

ThreadChoice choose_threads(int64_t requested, const Processors& processors,
                            const std::string& option) {
  const std::string most = std::to_string(kMostThreads);
  if (requested < 0 || requested > kMostThreads) {
    throw UsageError(option + " takes a whole number from 0 to " + most +
                     " (0: half of the cores), not '" + std::to_string(requested) + "'");
  }
  if (requested > 0) return {requested, "asked for"};
  if (processors.omp_num_threads > kMostThreads) {
    throw UsageError("the environment variable OMP_NUM_THREADS asks for more than " + most +
                     " threads; set it to " + most + " or less, or unset it");
  }
  if (processors.omp_num_threads > 0) {
    return {processors.omp_num_threads,
            "OMP_NUM_THREADS=" + std::to_string(processors.omp_num_threads)};
  }
  const auto paid = static_cast<int64_t>(std::floor(processors.quota));
  const int64_t half = std::max<int64_t>(1, processors.physical / 2);
  if (processors.quota > 0 && paid < half) {
    std::ostringstream quota;
    quota << processors.quota;
    return {std::max<int64_t>(1, paid), "a quota of " + quota.str() + " processors"};
  }
  if (processors.physical == 1) return {1, "1 physical core"};
  return {half, "half of " + count(processors.physical, "physical core")};
}

ThreadChoice set_up_threads(int64_t requested, const std::string& option) {
  const ThreadChoice choice = choose_threads(requested, find_processors(), option);
  at::set_num_threads(static_cast<int>(choice.threads));
  return choice;
}

}  // namespace course
