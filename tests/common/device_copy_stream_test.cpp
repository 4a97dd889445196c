// In which order copies and computations are given to a device. CUDA's own streams: tests/cuda.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "device/copy_stream.h"
#include "fake_device.h"

namespace course {
namespace {

using ::testing::ElementsAre;
using testing::FakeDevice;

TEST(CopyStream, RunsBesideTheCurrentStreamWhichWaitsOnlyWhenItIsToldTo) {
  FakeDevice::stream = 3;
  FakeDevice::told.clear();
  {
    CopyStream copies(torch::kXLA);
    copies.start([] { FakeDevice::told.push_back("a copy"); });
    FakeDevice::told.push_back("a computation");
    copies.join({});
  }
  EXPECT_THAT(FakeDevice::told,
              ElementsAre("stream 7 is current", "a copy", "event in stream 7",
                          "stream 3 is current", "a computation", "stream 3 waits for the event"));
  EXPECT_EQ(FakeDevice::stream, 3);
}

TEST(CopyStream, AFailedCopyLeavesTheStreamAsItWas) {
  FakeDevice::stream = 3;
  CopyStream copies(torch::kXLA);
  EXPECT_THROW(copies.start([] { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(FakeDevice::stream, 3);
}

}  // namespace
}  // namespace course
