// How much of a machine is in use.
#include "device/usage.h"

#include <fstream>
#include <sstream>

#if defined(COURSE_TORCH_CUDA) && __has_include(<cuda_runtime_api.h>)
#include <c10/cuda/CUDACachingAllocator.h>
#define COURSE_CUDA_ALLOCATOR
#endif

namespace course {

CpuUsage::CpuUsage() : before_(read()) {}

// The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal (in ticks).
CpuUsage::Ticks CpuUsage::read() {
  std::ifstream file("/proc/stat");
  std::string line, cpu;
  std::getline(file, line);
  std::istringstream fields(line);
  fields >> cpu;
  Ticks ticks;
  uint64_t value = 0;
  for (int field = 0; field < 8 && fields >> value; ++field) {
    const bool idles = field == 3 || field == 4;
    ticks.all += value;
    if (!idles) ticks.busy += value;
  }
  return ticks;
}

std::map<std::string, double> CpuUsage::stats() {
  const Ticks now = read();
  if (now.all == 0) return {};
  const auto share = [](double part, double whole) { return whole > 0 ? 100 * part / whole : 0.0; };
  std::map<std::string, double> stats;
  stats["cpu_percent"] = share(static_cast<double>(now.busy - before_.busy),
                               static_cast<double>(now.all - before_.all));
  before_ = now;

  std::map<std::string, double> kilobytes;
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  double value = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    if (fields >> name >> value) kilobytes[name] = value;
  }
  const double memory = kilobytes["MemTotal:"], swap = kilobytes["SwapTotal:"];
  stats["cpu_vm_percent"] = share(memory - kilobytes["MemAvailable:"], memory);
  stats["cpu_swap_percent"] = share(swap - kilobytes["SwapFree:"], swap);
  return stats;
}

std::map<std::string, double> device_stats([[maybe_unused]] torch::Device device) {
  std::map<std::string, double> stats;
#ifdef COURSE_CUDA_ALLOCATOR
  if (!device.is_cuda()) return stats;
  const auto all = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
  const auto add = [&](const std::string& name, const auto& kinds) {
    stats[name + ".all.current"] = static_cast<double>(kinds[0].current);
    stats[name + ".all.peak"] = static_cast<double>(kinds[0].peak);
  };
  add("allocated_bytes", all.allocated_bytes);
  add("reserved_bytes", all.reserved_bytes);
  add("active_bytes", all.active_bytes);
  stats["num_alloc_retries"] = static_cast<double>(all.num_alloc_retries);
  stats["num_ooms"] = static_cast<double>(all.num_ooms);
#endif
  return stats;
}

}  // namespace course
