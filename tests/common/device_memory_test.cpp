// The memory meter, against bytes counted by hand.
#include <gtest/gtest.h>
#include <torch/csrc/autograd/profiler.h>
#include <torch/torch.h>

#include <thread>

#include "device/memory.h"
#include "error.h"

namespace course {
namespace {

TEST(MemoryMeters, CountWhatIsAllocatedAndFreed) {
  const MemoryMeter meter;
  EXPECT_EQ(meter.current_bytes(), 0);
  torch::Tensor a = torch::empty({10, 10});                     // 400
  const torch::Tensor b = torch::empty({25}, torch::kFloat64);  // 200
  EXPECT_EQ(meter.current_bytes(), 600);
  a = torch::Tensor();
  EXPECT_EQ(meter.current_bytes(), 200);
  const torch::Tensor c = torch::empty({50}, torch::kUInt8);
  EXPECT_EQ(meter.current_bytes(), 250);
  EXPECT_EQ(meter.peak_bytes(), 600);
}

TEST(MemoryMeters, CountAViewOnceWithItsTensor) {
  const MemoryMeter meter;
  torch::Tensor a = torch::empty({8, 8});
  const torch::Tensor row = a[0];
  const torch::Tensor flat = a.view({64});
  EXPECT_EQ(meter.current_bytes(), 256);
  a = torch::Tensor();
  EXPECT_EQ(meter.current_bytes(), 256) << "the views keep the memory";
}

TEST(MemoryMeters, DoNotCountWhatIsOlder) {
  torch::Tensor older = torch::empty({1000});
  const MemoryMeter meter;
  ::testing::internal::CaptureStderr();
  older = torch::Tensor();
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "libtorch would warn";
  EXPECT_EQ(meter.current_bytes(), 0) << "freeing it gives nothing back either";
  const torch::Tensor reused = torch::empty({1000});
  EXPECT_EQ(meter.current_bytes(), 4000) << "most likely at the same address";
}

TEST(MemoryMeters, ShowWhatNoGradSaves) {
  const torch::Tensor x = torch::ones({256}, torch::requires_grad());  // 1024 bytes
  const auto peak_of = [&] {
    const MemoryMeter meter;
    torch::Tensor y = x;
    for (int i = 0; i < 5; ++i) y = y.sigmoid();  // keeps each result for backward
    return meter.peak_bytes();
  };
  EXPECT_EQ(peak_of(), 5 * 1024);
  const torch::NoGradGuard no_grad;
  EXPECT_EQ(peak_of(), 2 * 1024) << "the old and the new value";
}

TEST(MemoryMeters, HearTheBackwardPass) {
  const torch::Tensor x = torch::ones({256}, torch::requires_grad());
  const torch::Tensor y = x.sigmoid().sum();
  const MemoryMeter meter;
  y.backward();
  EXPECT_EQ(meter.current_bytes(), 1024) << "the gradient of x";
  EXPECT_EQ(x.grad().nbytes(), 1024U);
}

TEST(MemoryMeters, Nest) {
  const MemoryMeter outer;
  const torch::Tensor a = torch::empty({25});  // 100
  torch::Tensor b;
  {
    const MemoryMeter inner;
    b = torch::empty({50});  // 200
    EXPECT_EQ(inner.current_bytes(), 200);
    EXPECT_EQ(outer.current_bytes(), 300);
  }
  const torch::Tensor c = torch::empty({1});
  EXPECT_EQ(outer.current_bytes(), 304) << "hears again what the inner one heard";
  b = torch::Tensor();
  EXPECT_EQ(outer.current_bytes(), 104);
  EXPECT_EQ(outer.peak_bytes(), 304);
}

TEST(MemoryMeters, HearTheirOwnThreadAlone) {
  const MemoryMeter meter;
  torch::Tensor elsewhere;
  std::thread([&] { elsewhere = torch::empty({1000}); }).join();
  EXPECT_EQ(meter.current_bytes(), 0);
}

TEST(MemoryMeters, LeaveNothingBehind) {
  { const MemoryMeter meter; }
  EXPECT_FALSE(c10::memoryProfilingEnabled());
}

TEST(MemoryMeters, DoNotFightWithTheProfiler) {
  using namespace torch::autograd::profiler;
  enableProfilerLegacy(ProfilerConfig(ProfilerState::CPU));
  EXPECT_THROW(MemoryMeter(), Error);
  disableProfilerLegacy();
  EXPECT_NO_THROW(MemoryMeter());
}

}  // namespace
}  // namespace course
