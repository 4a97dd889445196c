// Prints what only a program that runs with libtorch can know, for people or, as JSON, for ./course
// doctor.
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
#include "terminal/format.h"

namespace {

struct Facts {
  course::Accelerators accelerators = course::find_accelerators();
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

std::string cuda_devices(int64_t count) {
  std::string devices;
  for (int64_t i = 0; i < count; ++i) {
    devices += (i > 0 ? ", " : "") + quoted("cuda:" + std::to_string(i));
  }
  return "[" + devices + "]";
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
  fmt::print("  \"cuda_built\": {}, \"cuda_available\": {}, \"cuda_devices\": {},\n",
             facts.accelerators.cuda_built, why_not.empty(),
             cuda_devices(facts.accelerators.cuda_devices));
  fmt::print("  \"cuda_why_not\": {}}},\n", quoted(why_not));
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
