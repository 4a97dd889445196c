// Picks the device a program computes on, and says why it is that one.
#include "device/device.h"

#include <ATen/Context.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/cuda.h>

#include <charconv>
#include <string_view>

#include "compat/torch.h"
#include "error.h"
#include "nearest.h"

namespace course {
namespace {

constexpr const char* kAllowed = "auto, cpu, cuda, cuda:N or mps";

[[noreturn]] void refuse_name(const std::string& request, const std::string& option) {
  // "gpu" is one letter from "cpu", the opposite of what it means.
  const std::string meant = request == "gpu" || request == "nvidia"
                                ? "cuda"
                                : nearest(request, {"auto", "cuda", "cuda:0", "cpu", "mps"});
  throw UsageError(option + " takes " + kAllowed + ", not '" + request + "'" +
                   (meant.empty() ? "" : "; did you mean " + meant + "?"));
}

int64_t cuda_index(const std::string& request, const std::string& option) {
  if (request == "cuda") return 0;
  const std::string_view digits = std::string_view(request).substr(5);
  int64_t index = -1;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (error != std::errc() || end != digits.data() + digits.size() || index < 0 || index > 127) {
    refuse_name(request, option);
  }
  return index;
}

DeviceChoice choose_cuda(const std::string& request, const Accelerators& present,
                         const std::string& option) {
  const int64_t index = cuda_index(request, option);
  if (const std::string why = why_no_cuda(present); !why.empty()) {
    const std::string remedy = !present.cuda_built    ? "a libtorch with CUDA"
                               : !present.cuda_linked ? "link with -Wl,--no-as-needed -ltorch_cuda"
                                                      : "look at what nvidia-smi says";
    throw Error(option + " " + request + " cannot be had: " + why + "; use " + option +
                " cpu, or " + remedy);
  }
  if (index >= present.cuda_devices) {
    throw Error(option + " " + request + " cannot be had: this machine has " +
                std::to_string(present.cuda_devices) + " CUDA device" +
                (present.cuda_devices == 1
                     ? ", cuda:0"
                     : "s, cuda:0 to cuda:" + std::to_string(present.cuda_devices - 1)));
  }
  return {torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(index)), "asked for"};
}

DeviceChoice choose_automatically(const Accelerators& present) {
  const std::string why = why_no_cuda(present);
  if (why.empty()) return {torch::Device(torch::kCUDA, 0), "auto: the first CUDA device"};
  if (present.mps) return {torch::Device(torch::kMPS), "auto: Apple's Metal"};
  return {torch::Device(torch::kCPU), "auto: " + why};
}

}  // namespace

Accelerators find_accelerators() {
  Accelerators found;
  // hasCUDA() is false without a device too; hasCUDART() asks whether libtorch_cuda is loaded.
  found.cuda_linked = at::Context::hasCUDART();
#ifdef COURSE_TORCH_CUDA
  found.cuda_built = true;
#else
  found.cuda_built = found.cuda_linked;
#endif
  found.cuda_devices = found.cuda_linked ? static_cast<int64_t>(torch::cuda::device_count()) : 0;
  found.mps = compat::has_mps();
  return found;
}

std::string why_no_cuda(const Accelerators& present) {
  if (!present.cuda_built) return "this libtorch was built without CUDA";
  if (!present.cuda_linked) return "the linker dropped libtorch_cuda from this program";
  if (present.cuda_devices == 0) return "CUDA is built in, but no CUDA device is present";
  return "";
}

DeviceChoice choose_device(const std::string& request, const std::string& option) {
  return choose_device(request, find_accelerators(), option);
}

DeviceChoice choose_device(const std::string& request, const Accelerators& present,
                           const std::string& option) {
  if (request == "auto") return choose_automatically(present);
  if (request == "cpu" || request == "cpu:0") return {torch::Device(torch::kCPU), "asked for"};
  if (request == "cuda" || request.rfind("cuda:", 0) == 0)
    return choose_cuda(request, present, option);
  if (request == "mps") {
    if (!present.mps) {
      throw Error(option +
                  " mps cannot be had: this libtorch has no Metal, which is on macOS alone; use " +
                  option + " cpu");
    }
    return {torch::Device(torch::kMPS), "asked for"};
  }
  refuse_name(request, option);
}

torch::Device with_index(torch::Device device) {
  if (device.is_cpu()) return torch::kCPU;
  if (device.has_index() || !c10::impl::hasDeviceGuardImpl(device.type())) return device;
  return c10::impl::VirtualGuardImpl(device.type()).getDevice();
}

std::string describe(const DeviceChoice& choice) {
  return "device: " + choice.device.str() + " (" + choice.reason + ")";
}

}  // namespace course
