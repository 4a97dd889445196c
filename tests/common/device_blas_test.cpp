// Which BLAS the evidence proves, and that the one of this process is found and timed.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <string>

#include "device/blas.h"

namespace course {
namespace {

std::string judged(const BlasEvidence& evidence) {
  const BlasFacts facts = judge_blas(evidence);
  return facts.name + ", " + facts.threading + (facts.optimised ? "" : ", not optimised");
}

TEST(JudgeBlas, KnowsOpenblasAndItsThreads) {
  const auto openblas = [](int parallel) {
    return judged(
        {.sgemm_file = "/usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3",
         .openblas_config = "OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY Haswell MAX_THREADS=64",
         .openblas_parallel = parallel});
  };
  EXPECT_EQ(openblas(0), "OpenBLAS 0.3.21, sequential");
  EXPECT_EQ(openblas(1), "OpenBLAS 0.3.21, pthread");
  EXPECT_EQ(openblas(2), "OpenBLAS 0.3.21, openmp");
  EXPECT_EQ(openblas(-1), "OpenBLAS 0.3.21, unknown");
}

TEST(JudgeBlas, KnowsTheReferenceBlasByItsPlainName) {
  EXPECT_EQ(judged({.sgemm_file = "/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0"}),
            "reference BLAS, sequential, not optimised");
  EXPECT_EQ(judged({.sgemm_file = "/usr/lib64/libblas.so.3"}),
            "reference BLAS, sequential, not optimised");
  EXPECT_EQ(judged({.sgemm_file = "/usr/lib/x86_64-linux-gnu/blis-openmp/libblas.so.3"}),
            "BLIS, unknown");
  EXPECT_EQ(judged({.sgemm_file = "/usr/lib/x86_64-linux-gnu/atlas/libblas.so.3"}),
            "ATLAS, unknown");
}

TEST(JudgeBlas, PrefersTheMklInsideLibtorch) {
  const std::string version =
      "Intel(R) oneAPI Math Kernel Library Version 2024.2-Product Build 20240605 for Intel(R) 64 "
      "architecture applications";
  EXPECT_EQ(judged({.openblas_config = "OpenBLAS 0.3.21 Haswell", .mkl_version = version}),
            "MKL 2024.2, openmp");
  EXPECT_EQ(judged({.mkl_version = "some day they may write it otherwise"}), "MKL, openmp");
  EXPECT_EQ(judged({.sgemm_file = "/opt/intel/lib/libmkl_rt.so.2"}), "MKL, unknown");
}

TEST(JudgeBlas, DoesNotGuess) {
  EXPECT_EQ(judged({}), "unknown, unknown");
}

TEST(ThisBlas, IsAFileThatExists) {
  const BlasFacts facts = find_blas();
  EXPECT_TRUE(std::filesystem::path(facts.library).is_absolute()) << facts.library;
  EXPECT_TRUE(std::filesystem::exists(facts.library)) << facts.library;
  EXPECT_NE(torch_library().find("libtorch_cpu"), std::string::npos) << torch_library();
}

TEST(ThisBlas, IsTimedWithoutTouchingTheRandomNumbers) {
  torch::manual_seed(3);
  const double expected = torch::rand({}).item<double>();
  torch::manual_seed(3);
  const BlasSpeed speed = time_blas();
  EXPECT_EQ(torch::rand({}).item<double>(), expected);
  EXPECT_GT(speed.milliseconds, 0);
  // 2 * 512 * 784 * 512 operations: 0.411 of them in a millisecond are 411 a second, in units of
  // 1e9.
  EXPECT_NEAR(speed.gflops * speed.milliseconds, 411.042, 0.01);
}

}  // namespace
}  // namespace course
