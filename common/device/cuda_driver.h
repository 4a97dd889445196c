// What the NVIDIA driver of this machine says, asked by name: no header and no library of CUDA is
// needed, nor a libtorch with CUDA.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace course {

/// A GPU that the driver lets this process use.
struct Gpu {
  std::string name;          ///< "NVIDIA H100 80GB HBM3"
  int64_t bytes = 0;         ///< its memory
  int major = 0, minor = 0;  ///< compute capability: 9.0
};

struct CudaDriver {
  /// Why there is no GPU to use, or "".
  std::string trouble;
  /// The newest CUDA whose programs it runs: 13000 is 13.0. 0 without a driver.
  int version = 0;
  std::vector<Gpu> gpus;  ///< cuda:0 is the first
};

/// Asks the driver, which takes some tenths of a second the first time.
CudaDriver find_cuda_driver();

/// Bytes of GPU number `index` that nobody uses, as the driver counts them: what libtorch's
/// allocator keeps for later is in use. None when it cannot be asked.
std::optional<int64_t> free_gpu_memory(int index);

}  // namespace course
