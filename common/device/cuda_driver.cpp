// What the NVIDIA driver of this machine says, asked by name.
#include "device/cuda_driver.h"

#include <dlfcn.h>

#include <cstddef>

namespace course {
namespace {

// Of cuda.h: every function gives 0 when it has done its work.
using Result = int;
constexpr int kNoDevice = 100, kWrongDriver = 803;
constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_...

// libcuda.so.1, which stays loaded.
class Library {
 public:
  Library() : handle_(dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL)) {}
  bool is_there() const { return handle_ != nullptr; }

  /// Calls a function of the library; 1 if there is none of that name.
  template <typename... Arguments>
  Result call(const char* name, Arguments... arguments) const {
    auto* const function = reinterpret_cast<Result (*)(Arguments...)>(dlsym(handle_, name));
    return function == nullptr ? 1 : function(arguments...);
  }

 private:
  void* handle_;
};

const Library& library() {
  static const Library the_one;
  return the_one;
}

std::string words_for(Result result) {
  const char* text = nullptr;
  library().call("cuGetErrorString", result, &text);
  std::string said = "the driver says: ";
  said += text == nullptr ? "error " + std::to_string(result) : text;
  if (result == kWrongDriver) said += "; the kernel runs another version of it, so restart";
  return said;
}

}  // namespace

CudaDriver find_cuda_driver() {
  CudaDriver found;
  if (!library().is_there()) {
    found.trouble = "there is no NVIDIA driver (no libcuda.so.1)";
    return found;
  }
  library().call("cuDriverGetVersion", &found.version);
  int count = 0;
  const Result begun = library().call("cuInit", 0U);
  if (begun == 0) library().call("cuDeviceGetCount", &count);
  if (begun != 0 && begun != kNoDevice) {
    found.trouble = words_for(begun);
  } else if (count == 0) {
    found.trouble = "the driver sees no GPU";
  }
  for (int i = 0; i < count; ++i) {
    int device = 0;
    char name[256] = "";
    std::size_t bytes = 0;
    Gpu gpu;
    library().call("cuDeviceGet", &device, i);
    library().call("cuDeviceGetName", +name, static_cast<int>(sizeof name), device);
    library().call("cuDeviceTotalMem_v2", &bytes, device);
    library().call("cuDeviceGetAttribute", &gpu.major, kMajor, device);
    library().call("cuDeviceGetAttribute", &gpu.minor, kMinor, device);
    gpu.name = name;
    gpu.bytes = static_cast<int64_t>(bytes);
    found.gpus.push_back(gpu);
  }
  return found;
}

std::optional<int64_t> free_gpu_memory(int index) {
  if (!library().is_there() || library().call("cuInit", 0U) != 0) return std::nullopt;
  int device = 0;
  void* context = nullptr;  // the one that libtorch uses, too
  if (library().call("cuDeviceGet", &device, index) != 0 ||
      library().call("cuDevicePrimaryCtxRetain", &context, device) != 0) {
    return std::nullopt;
  }
  std::size_t free = 0, all = 0;
  bool known = false;
  if (library().call("cuCtxPushCurrent_v2", context) == 0) {
    known = library().call("cuMemGetInfo_v2", &free, &all) == 0;
    library().call("cuCtxPopCurrent_v2", &context);
  }
  library().call("cuDevicePrimaryCtxRelease_v2", device);
  if (!known) return std::nullopt;
  return static_cast<int64_t>(free);
}

}  // namespace course
