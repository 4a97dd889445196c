// Which BLAS multiplies the matrices, found by asking the running program rather than the packages.
#include "device/blas.h"

#include <ATen/Version.h>
#include <dlfcn.h>
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

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

BlasEvidence find_evidence() {
  BlasEvidence evidence;
  evidence.sgemm_file = file_of(dlsym(RTLD_DEFAULT, "sgemm_"));
  if (auto* const config = symbol<char*()>("openblas_get_config")) {
    evidence.openblas_config = config();
  }
  if (auto* const parallel = symbol<int()>("openblas_get_parallel")) {
    evidence.openblas_parallel = parallel();
  }
  if (at::hasMKL()) evidence.mkl_version = at::get_mkl_version();
  return evidence;
}

/// "OpenBLAS 0.3.21" of "OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY USE_OPENMP Haswell
/// MAX_THREADS=128".
std::string two_words(const std::string& text) {
  return text.substr(0, text.find(' ', text.find(' ') + 1));
}

/// "MKL 2024.2" of "Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 20240605 for
/// Intel(R) 64 architecture applications".
std::string name_of_mkl(const std::string& version) {
  const std::size_t word = version.find("Version ");
  if (word == std::string::npos) return "MKL";
  const std::size_t number = word + std::string("Version ").size();
  return "MKL " + version.substr(number, version.find_first_of("- ", number) - number);
}

std::string name_of_openblas_threads(int parallel) {
  switch (parallel) {
    case 0:
      return "sequential";
    case 1:
      return "pthread";
    case 2:
      return "openmp";
    default:
      return "unknown";
  }
}

}  // namespace

BlasFacts judge_blas(const BlasEvidence& evidence) {
  const std::string& file = evidence.sgemm_file;
  // A built-in MKL is what libtorch calls, whatever other BLAS another library has brought along.
  if (!evidence.mkl_version.empty()) return {name_of_mkl(evidence.mkl_version), file, "openmp"};
  if (!evidence.openblas_config.empty()) {
    return {two_words(evidence.openblas_config), file,
            name_of_openblas_threads(evidence.openblas_parallel)};
  }
  constexpr std::pair<const char*, const char*> kNamesInPaths[] = {
      {"mkl", "MKL"}, {"blis", "BLIS"}, {"atlas", "ATLAS"}, {"Accelerate", "Accelerate"}};
  for (const auto& [part, name] : kNamesInPaths) {
    if (file.find(part) != std::string::npos) return {name, file, "unknown"};
  }
  // netlib's keeps the plain name that the optimised ones only stand in for
  if (std::filesystem::path(file).filename().string().rfind("libblas.so", 0) == 0) {
    return {"reference BLAS", file, "sequential", false};
  }
  return {"unknown", file, "unknown"};
}

BlasFacts find_blas() {
  BlasFacts facts = judge_blas(find_evidence());
  if (facts.library.empty()) facts.library = torch_library();  // a BLAS inside exports no sgemm_
  return facts;
}

std::string torch_library() {
  return file_of(reinterpret_cast<void*>(&at::get_mkl_version));  // any function of libtorch_cpu
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
