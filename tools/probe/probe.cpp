// Prints what only a program that runs with libtorch can know, for people or, as JSON, for ./course
// doctor.
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <spdlog/fmt/fmt.h>
#include <spdlog/fmt/ranges.h>
#include <torch/torch.h>

#include <cstdlib>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "compat/torch.h"
#include "config/flags.h"
#include "config/program.h"
#include "device/blas.h"
#include "device/cuda_driver.h"
#include "device/device.h"
#include "device/threads.h"
#include "terminal/format.h"

namespace {

// 13000 is 13.0, and 12080 is 12.8.
std::string cuda_version(int64_t number) {
  return number == 0 ? "" : fmt::format("{}.{}", number / 1000, number % 1000 / 10);
}

// What of NVIDIA's libraries this libtorch was built with and has loaded; empty without.
struct CudaParts {
  std::string cuda, cudnn, nccl;
  std::set<std::string>
      architectures;  // "sm_90", of which it has code; "compute_90": any newer one

  CudaParts() {
    if (!at::Context::hasCUDART()) return;
    const auto& hooks = at::detail::getCUDAHooks();
    cuda = cuda_version(hooks.versionCUDART());
    if (at::Context::hasCuDNN()) {
      // 90100 is 9.1.0 since version 9, and 8902 is 8.9.2.
      const int64_t number = hooks.versionCuDNN(), step = number < 90000 ? 1000 : 10000;
      cudnn = fmt::format("{}.{}.{}", number / step, number % step / 100, number % 100);
    }
    int number = 0;
    using GetVersion = int (*)(int*);
    const auto nccl_version = reinterpret_cast<GetVersion>(dlsym(RTLD_DEFAULT, "ncclGetVersion"));
    if (nccl_version != nullptr && nccl_version(&number) == 0) {
      nccl = fmt::format("{}.{}.{}", number / 10000, number % 10000 / 100, number % 100);
    }
    const std::string config = hooks.showConfig();
    const std::regex code("code=([a-z]+_[0-9]+)");
    for (std::sregex_iterator found(config.begin(), config.end(), code), end; found != end;
         ++found) {
      architectures.insert((*found)[1]);
    }
  }
};

struct Facts {
  course::Accelerators accelerators = course::find_accelerators();
  course::CudaDriver driver = course::find_cuda_driver();
  CudaParts cuda;
  course::Processors processors = course::find_processors();
  course::ThreadChoice threads = course::set_up_threads();
  course::BlasFacts blas = course::find_blas();
  course::BlasSpeed speed = course::time_blas();
};

std::string wait_policy() {
  const char* const policy = std::getenv("OMP_WAIT_POLICY");
  if (policy != nullptr) return policy;
  return std::getenv("GOMP_SPINCOUNT") != nullptr ? "GOMP_SPINCOUNT" : "default";
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') result += '\\';
    result += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return result + "\"";
}

std::string list(const std::vector<std::string>& values) {
  return fmt::format("[{}]", fmt::join(values, ", "));
}

std::string gpus(const course::CudaDriver& driver) {
  std::vector<std::string> all;
  for (const course::Gpu& gpu : driver.gpus) {
    all.push_back(fmt::format("{{\"name\": {}, \"bytes\": {}, \"capability\": [{}, {}]}}",
                              quoted(gpu.name), gpu.bytes, gpu.major, gpu.minor));
  }
  return list(all);
}

#if defined(_GLIBCXX_USE_CXX11_ABI) && _GLIBCXX_USE_CXX11_ABI == 0
constexpr bool kNewAbi = false;
#else
constexpr bool kNewAbi = true;
#endif

void print_json(const Facts& facts) {
  const std::string why_not = course::why_no_cuda(facts.accelerators);
  fmt::print("{{\"torch\": {{\"version\": {}, \"library\": {}, \"cxx11_abi\": {},\n",
             quoted(course::compat::torch_version()), quoted(course::torch_library()), kNewAbi);
  fmt::print("  \"cuda_built\": {}, \"cuda_available\": {}, \"cuda_why_not\": {},\n",
             facts.accelerators.cuda_built, why_not.empty(), quoted(why_not));
  std::vector<std::string> architectures;
  for (const std::string& one : facts.cuda.architectures) architectures.push_back(quoted(one));
  fmt::print("  \"cuda\": {}, \"cudnn\": {}, \"nccl\": {}, \"architectures\": {}}},\n",
             quoted(facts.cuda.cuda), quoted(facts.cuda.cudnn), quoted(facts.cuda.nccl),
             list(architectures));
  fmt::print(" \"driver\": {{\"trouble\": {}, \"version\": {}, \"gpus\": {}}},\n",
             quoted(facts.driver.trouble), quoted(cuda_version(facts.driver.version)),
             gpus(facts.driver));
  fmt::print(" \"blas\": {{\"name\": {}, \"library\": {}, \"threading\": {},\n",
             quoted(facts.blas.name), quoted(facts.blas.library), quoted(facts.blas.threading));
  fmt::print("  \"optimised\": {}, \"milliseconds\": {:.3f}, \"gflops\": {:.1f}}},\n",
             facts.blas.optimised, facts.speed.milliseconds, facts.speed.gflops);
  fmt::print(" \"threads\": {{\"chosen\": {}, \"reason\": {}, \"physical_cores\": {},\n",
             facts.threads.threads, quoted(facts.threads.reason), facts.processors.physical);
  fmt::print("  \"logical_cores\": {}, \"omp_wait_policy\": {}}}}}\n", facts.processors.logical,
             quoted(wait_policy()));
}

void print_text(const Facts& facts) {
  fmt::print("libtorch: {}, {}\n", course::compat::torch_version(), course::torch_library());
  fmt::print("{}\n", course::describe(course::choose_device("auto", facts.accelerators)));
  for (const course::Gpu& gpu : facts.driver.gpus) {
    fmt::print("GPU: {}, {:.1f} GiB, compute capability {}.{}\n", gpu.name,
               static_cast<double>(gpu.bytes) / (1 << 30), gpu.major, gpu.minor);
  }
  fmt::print("threads: {} ({}), waiting: {}\n", facts.threads.threads, facts.threads.reason,
             wait_policy());
  fmt::print("BLAS: {} ({}{}), {}\n", facts.blas.name, facts.blas.threading,
             facts.blas.optimised ? "" : ", not optimised", facts.blas.library);
  fmt::print("speed: [512, 784] x [784, 512] in {}, {:.0f} GFLOP/s\n",
             course::format_duration(facts.speed.milliseconds / 1000), facts.speed.gflops);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program(
      [&] {
        bool json = false;
        course::Flags flags("course_probe", "Facts about this libtorch and this machine.");
        flags.add("json", json, "print them as JSON");
        flags.parse(argc, argv);
        const Facts facts;
        json ? print_json(facts) : print_text(facts);
      },
      "");
}
