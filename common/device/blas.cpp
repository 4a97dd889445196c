// Which BLAS multiplies the matrices, found by asking the running program rather than the packages.
#include "device/blas.h"

#include <dlfcn.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

namespace course {
namespace {

template <typename Function>
Function* symbol(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

std::string file_of(void* address) {
  Dl_info info{};
  if (address == nullptr || dladdr(address, &info) == 0 || info.dli_fname == nullptr) return "";
  std::error_code ignored;
  const auto real = std::filesystem::canonical(info.dli_fname, ignored);
  return real.empty() ? info.dli_fname : real.string();
}

/// "OpenBLAS 0.3.21" of "OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY USE_OPENMP Haswell
/// MAX_THREADS=128".
std::string two_words(const std::string& text) {
  return text.substr(0, text.find(' ', text.find(' ') + 1));
}

}  // namespace

BlasFacts find_blas() {
  BlasFacts facts;
  if (at::hasMKL()) {
    return {"MKL", file_of(reinterpret_cast<void*>(&at::hasMKL)), "openmp", true};
  }
  facts.library = file_of(dlsym(RTLD_DEFAULT, "sgemm_"));
  if (auto* const config = symbol<char*()>("openblas_get_config")) {
    facts.name = two_words(config());
    auto* const parallel = symbol<int()>("openblas_get_parallel");
    const int kind = parallel != nullptr ? parallel() : -1;
    facts.threading = kind == 0   ? "sequential"
                      : kind == 1 ? "pthread"
                      : kind == 2 ? "openmp"
                                  : "unknown";
    return facts;
  }
  if (facts.library.find("/blas/libblas") != std::string::npos) {
    return {"reference BLAS", facts.library, "sequential", false};
  }
  facts.name = "unknown";
  facts.threading = "unknown";
  if (facts.library.empty()) facts.library = file_of(reinterpret_cast<void*>(&at::hasMKL));
  return facts;
}

BlasSpeed time_blas() {
  const torch::NoGradGuard no_grad;
  const torch::Tensor a = torch::ones({512, 784});
  const torch::Tensor b = torch::ones({784, 512});
  torch::Tensor product = torch::empty({512, 512});
  double best = 1e9;
  for (int round = 0; round < 6; ++round) {
    const auto start = std::chrono::steady_clock::now();
    torch::mm_out(product, a, b);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  return {1e3 * best, 2.0 * 512 * 784 * 512 / best / 1e9};
}

}  // namespace course
