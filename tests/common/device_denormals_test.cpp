// Numbers too small to be normal: in every thread that computes, and only for a time.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <atomic>
#include <limits>
#include <thread>

#include "device/denormals.h"
#include "device/parallel.h"

namespace course {
namespace {

#if defined(__SSE2__) || defined(__aarch64__)

// Half of the smallest normal number, for each thread of the pool; how many of them made it 0.
int64_t threads_that_flush() {
  const volatile float least = std::numeric_limits<float>::min();
  std::atomic<int64_t> count{0};
  parallel_for(at::get_num_threads(), 1, [&](int64_t, int64_t) {
    if (least * 0.5F == 0) ++count;
  });
  return count;
}

TEST(Denormals, AreZeroInAllThreadsAndThenAsBefore) {
  const torch::Tensor small = torch::full({100000}, std::numeric_limits<float>::min());
  ASSERT_FALSE(flushes_denormals());
  EXPECT_EQ(threads_that_flush(), 0);
  {
    const FlushDenormals flush;
    EXPECT_TRUE(flushes_denormals());
    EXPECT_EQ(threads_that_flush(), at::get_num_threads());
    EXPECT_EQ((small * 0.5).count_nonzero().item<int64_t>(), 0);
    std::thread([] { EXPECT_TRUE(flushes_denormals()) << "in a thread begun here"; }).join();
    { const FlushDenormals inner; }
    EXPECT_TRUE(flushes_denormals()) << "the inner one has left it as it was";
  }
  EXPECT_FALSE(flushes_denormals());
  EXPECT_EQ(threads_that_flush(), 0);
  EXPECT_EQ((small * 0.5).count_nonzero().item<int64_t>(), 100000);
}

#endif

}  // namespace
}  // namespace course
