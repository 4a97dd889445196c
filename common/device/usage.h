// How much of a machine is in use.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <string>

namespace course {

/// The processors' time and the memory of the whole machine, as Linux tells it.
class CpuUsage {
 public:
  CpuUsage();

  /// "cpu_percent" (of all processors, since the last call or the constructor), "cpu_vm_percent"
  /// and "cpu_swap_percent" (of the memory and the swap space; 0 without any). Empty where there is
  /// no /proc.
  std::map<std::string, double> stats();

 private:
  struct Ticks {
    uint64_t busy = 0, all = 0;
  };
  static Ticks read();
  Ticks before_;
};

/// What libtorch's allocator has of a CUDA device, in bytes, under the names of Python's
/// torch.cuda.memory_stats(): "allocated_bytes.all.current", "reserved_bytes.all.peak". Empty for
/// every other device.
std::map<std::string, double> device_stats(torch::Device device);

}  // namespace course
