// Which BLAS multiplies the matrices, found by asking the running program rather than the packages.
#pragma once

#include <string>

namespace course {

/// The library behind libtorch's matrix products.
struct BlasFacts {
  std::string name;       ///< "OpenBLAS 0.3.21", "MKL", "reference BLAS", "unknown"
  std::string library;    ///< the file that defines sgemm_, or libtorch's own when that has it
  std::string threading;  ///< "openmp", "pthread", "sequential" or "unknown"
  bool optimised = true;  ///< false for the reference BLAS, which is some 27 times slower
};

/// What a running program can learn about its BLAS by asking for symbols and versions.
struct BlasEvidence {
  std::string sgemm_file{};       ///< the file that defines sgemm_, "" if no loaded file does
  std::string openblas_config{};  ///< openblas_get_config(): "OpenBLAS 0.3.21 ...", or ""
  int openblas_parallel = -1;     ///< openblas_get_parallel(): 0 sequential, 1 pthread, 2 openmp
  std::string mkl_version{};      ///< what libtorch says of a built-in MKL, or ""
};

/// The facts that the evidence proves.
BlasFacts judge_blas(const BlasEvidence& evidence);

/// The BLAS that is loaded in this process.
BlasFacts find_blas();

/// The file of libtorch's CPU library in this process.
std::string torch_library();

/// The best of several [512, 784] x [784, 512] float products.
struct BlasSpeed {
  double milliseconds = 0;
  double gflops = 0;
};

/// Measures with the threads libtorch has now; takes some 20 ms (reference BLAS: half a second).
BlasSpeed time_blas();

}  // namespace course
