// What the numbers of a run depend on besides the code: the libraries and the machine.
#include "device/machine.h"

#include <torch/torch.h>

#include <fstream>
#include <sstream>

#include "compat/torch.h"
#include "device/blas.h"
#include "device/device.h"

namespace course {
namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang++ " __clang_version__;
#else
  return "g++ " __VERSION__;
#endif
}

// The words behind `key` and ':' in a text of such lines, or "unknown".
std::string behind(const std::string& key, std::istream& text) {
  for (std::string line; std::getline(text, line);) {
    const size_t found = line.find(key), colon = line.find(':');
    if (found == std::string::npos || colon == std::string::npos) continue;
    const size_t begin = line.find_first_not_of(" \t", colon + 1);
    return begin == std::string::npos ? "unknown" : line.substr(begin);
  }
  return "unknown";
}

std::string processor() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  std::istringstream config(at::show_config());
  return behind("model name", cpuinfo) + ", used as " + behind("CPU capability usage", config);
}

std::string blas() {
  const BlasFacts facts = find_blas();
  return facts.name + " (" + facts.threading + ")";
}

std::string cuda() {
  const Accelerators present = find_accelerators();
  const std::string reason = why_no_cuda(present);
  if (!reason.empty()) return "none: " + reason;
  return std::to_string(present.cuda_devices) +
         (present.cuda_devices == 1 ? " device" : " devices");
}

}  // namespace

std::vector<Fact> machine() {
  return {{"libtorch", compat::torch_version()},
          {"compiler", compiler()},
          {"BLAS", blas()},
          {"processor", processor()},
          {"CUDA", cuda()}};
}

}  // namespace course
