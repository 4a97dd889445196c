// An accelerator with two devices that only writes down what it is told: no machine of these tests
// has one. Its type is XLA, of which libtorch brings nothing.
#pragma once

#include <c10/core/impl/DeviceGuardImplInterface.h>

#include <string>
#include <utility>
#include <vector>

namespace course::testing {

struct FakeDevice : c10::impl::DeviceGuardImplInterface {
  static constexpr c10::DeviceType static_type = c10::DeviceType::XLA;
  static inline c10::DeviceIndex current = 0;
  static inline c10::StreamId stream = 0;  ///< the current one; 7 is that of the pool
  static inline std::vector<std::string> told;

  c10::DeviceType type() const override { return static_type; }
  c10::Device exchangeDevice(c10::Device device) const override {
    return {static_type, std::exchange(current, device.index())};
  }
  c10::Device getDevice() const override { return {static_type, current}; }
  void setDevice(c10::Device device) const override { current = device.index(); }
  void uncheckedSetDevice(c10::Device device) const noexcept override { current = device.index(); }
  c10::DeviceIndex deviceCount() const noexcept override { return 2; }

  c10::Stream getStream(c10::Device device) const noexcept override {
    return c10::Stream(c10::Stream::UNSAFE, device, stream);
  }
  c10::Stream getStreamFromGlobalPool(c10::Device device, bool) const override {
    return c10::Stream(c10::Stream::UNSAFE, device, 7);
  }
  c10::Stream exchangeStream(c10::Stream other) const noexcept override {
    told.push_back("stream " + std::to_string(other.id()) + " is current");
    return c10::Stream(c10::Stream::UNSAFE, other.device(), std::exchange(stream, other.id()));
  }
  void record(void** event, const c10::Stream& where, const c10::DeviceIndex,
              const c10::EventFlag) const override {
    *event = &told;  // anything: what is null has never been recorded
    told.push_back("event in stream " + std::to_string(where.id()));
  }
  void block(void*, const c10::Stream& where) const override {
    told.push_back("stream " + std::to_string(where.id()) + " waits for the event");
  }
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
};

}  // namespace course::testing
