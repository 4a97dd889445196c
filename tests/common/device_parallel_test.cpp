// Work shared by threads: every element once, and no more threads than it is worth.
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "device/parallel.h"

namespace course {
namespace {

TEST(Parallel, EveryElementOnce) {
  for (const int64_t n : {0, 1, 2, 3, 1000, 1001}) {
    std::vector<std::atomic<int>> seen(static_cast<size_t>(n));
    parallel_for(n, 10, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) ++seen[static_cast<size_t>(i)];
    });
    for (const auto& count : seen) EXPECT_EQ(count, 1);
  }
}

TEST(Parallel, UsesLibtorchsThreadsWhereTheyAreWorthIt) {
  const auto threads_of = [](int64_t n, int64_t grain) {
    std::mutex mutex;
    std::set<std::thread::id> ids;
    parallel_for(n, grain, [&](int64_t, int64_t) {
      const std::lock_guard lock(mutex);
      ids.insert(std::this_thread::get_id());
    });
    return static_cast<int64_t>(ids.size());
  };
  EXPECT_EQ(threads_of(100, 100), 1);
  const int64_t before = at::get_num_threads();
  at::set_num_threads(3);
  EXPECT_EQ(threads_of(1000, 10), 3);
  EXPECT_EQ(threads_of(15, 10), 2);
  at::set_num_threads(1);
  EXPECT_EQ(threads_of(1000, 10), 1);
  at::set_num_threads(static_cast<int>(before));
}

}  // namespace
}  // namespace course
