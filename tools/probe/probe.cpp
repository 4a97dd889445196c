// Prints, as JSON, what only a program that runs with libtorch can know: ./course doctor reads it.
#include <dlfcn.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <cstdlib>
#include <string>

#include "compat/torch.h"
#include "config/flags.h"
#include "config/program.h"
#include "device/blas.h"
#include "device/device.h"
#include "device/threads.h"

namespace {

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

std::string library_of_torch() {
  Dl_info info{};
  return dladdr(reinterpret_cast<void*>(&at::hasMKL), &info) != 0 ? info.dli_fname : "";
}

void print_facts() {
  const course::Accelerators accelerators = course::find_accelerators();
  const course::Processors processors = course::find_processors();
  const course::ThreadChoice threads = course::choose_threads(0, processors);
  const course::BlasFacts blas = course::find_blas();
  const course::BlasSpeed speed = course::time_blas();
  std::string devices;
  for (int64_t i = 0; i < accelerators.cuda_devices; ++i) {
    devices += (i > 0 ? ", " : "") + quoted("cuda:" + std::to_string(i));
  }
  const char* policy = std::getenv("OMP_WAIT_POLICY");
  fmt::print(
      "{{\"torch\": {{\"version\": {}, \"library\": {}, \"cxx11_abi\": {}, \"cuda_built\": {}, "
      "\"cuda_available\": {}, \"cuda_devices\": [{}], \"cuda_why_not\": {}}},\n",
      quoted(course::compat::torch_version()), quoted(library_of_torch()),
      _GLIBCXX_USE_CXX11_ABI != 0, accelerators.cuda_built, accelerators.cuda_devices > 0, devices,
      quoted(course::why_no_cuda(accelerators)));
  fmt::print(
      " \"blas\": {{\"name\": {}, \"library\": {}, \"threading\": {}, \"optimised\": {}, "
      "\"milliseconds\": {:.3f}, \"gflops\": {:.1f}}},\n",
      quoted(blas.name), quoted(blas.library), quoted(blas.threading), blas.optimised,
      speed.milliseconds, speed.gflops);
  fmt::print(
      " \"threads\": {{\"chosen\": {}, \"reason\": {}, \"physical_cores\": {}, \"logical_cores\": "
      "{}, "
      "\"omp_wait_policy\": {}}}}}\n",
      threads.threads, quoted(threads.reason), processors.physical, processors.logical,
      quoted(policy != nullptr ? policy : "default"));
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] {
    bool json = false;
    course::Flags flags("course_probe", "Facts about this libtorch and this machine.");
    flags.add("json", json, "print them as JSON (the only form there is)");
    flags.parse(argc, argv);
    print_facts();
  });
}
