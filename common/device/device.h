// Picks the device a program computes on, and says why it is that one.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <string>

namespace course {

/// A device that is there, and why it was chosen: "asked for", "auto: this libtorch was built
/// without CUDA".
struct DeviceChoice {
  torch::Device device;
  std::string reason;
};

/// What of accelerators this libtorch was built with, and what of them the machine has.
struct Accelerators {
  bool cuda_built = false;   ///< CMake found a libtorch with CUDA
  bool cuda_linked = false;  ///< and this program has loaded it (a linker may drop it as unused)
  int64_t cuda_devices = 0;
  bool mps = false;  ///< Apple's Metal, built in and present
};

/// This libtorch on this machine.
Accelerators find_accelerators();

/// Picks the device for `request`, one of auto, cpu, cuda, cuda:N, mps. auto takes the first CUDA
/// device, else mps, else the CPU; cuda is cuda:0. What is asked for by name is never silently
/// replaced.
/// @param option  what the program calls the option that `request` comes from
/// @throws UsageError when `request` is none of these (naming the nearest); Error when that device
/// is not there
DeviceChoice choose_device(const std::string& request, const std::string& option = "--device");
/// The same for other machines than this one.
DeviceChoice choose_device(const std::string& request, const Accelerators& present,
                           const std::string& option = "--device");

/// The device as a tensor on it names it: "cuda" is the current one, such as cuda:0, and "cpu:0" is
/// cpu. Compare devices by what this makes of both.
torch::Device with_index(torch::Device device);

/// One line to print: "device: cpu (auto: this libtorch was built without CUDA)".
std::string describe(const DeviceChoice& choice);

/// Why there is no CUDA device to use, or "" if there is one: "this libtorch was built without
/// CUDA".
std::string why_no_cuda(const Accelerators& present);

}  // namespace course
