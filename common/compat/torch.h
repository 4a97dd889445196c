// Every spelling that differs between libtorch 1.13, 2.6 and newer, and nothing else.
#pragma once

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <c10/core/Allocator.h>
#include <c10/util/Logging.h>
#include <torch/version.h>

#include <charconv>
#include <cstdint>
#include <iterator>
#include <string>
#include <type_traits>
#include <utility>

namespace course::compat {

/// libtorch's version as its headers tell it: "1.13.1".
inline std::string torch_version() {
  return std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + "." +
         std::to_string(TORCH_VERSION_PATCH);
}

/// Apple's Metal: built into this libtorch, and there.
inline bool has_mps() {
  return at::hasMPS();
}

namespace detail {
template <typename Function>
struct SizeArgument;
template <typename Class, typename Size>
struct SizeArgument<void (Class::*)(void*, int64_t, Size, Size, c10::Device)> {
  using type = Size;
};
}  // namespace detail

/// How libtorch's allocators report totals: int64_t up to 2.0, size_t since.
using ReportedSize =
    detail::SizeArgument<decltype(&c10::MemoryReportingInfoBase::reportMemoryUsage)>::type;

/// The least severe message that libtorch's log prints; the log is glog's in distributions, else
/// c10's own.
inline auto& log_threshold() {
#ifdef C10_USE_GLOG
  return FLAGS_minloglevel;
#else
  return FLAGS_caffe2_log_level;
#endif
}

/// Keeps libtorch's log to errors while it is alive.
class QuietLog {
 public:
  QuietLog() { std::swap(log_threshold(), kept_); }
  ~QuietLog() { std::swap(log_threshold(), kept_); }
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;

 private:
  std::remove_reference_t<decltype(log_threshold())> kept_ = 2;  // an error, in both
};

/// Under which an optimizer keeps the state of a parameter: its address, printed up to 2.0.
template <typename Optimizer>
auto optimizer_state_key(const Optimizer& optimizer, const at::Tensor& parameter) {
  using Key = typename std::decay_t<decltype(optimizer.state())>::key_type;
  if constexpr (std::is_same_v<Key, std::string>) {
    char text[2 + 2 * sizeof(void*)] = {'0', 'x'};
    const auto address = reinterpret_cast<uintptr_t>(parameter.unsafeGetTensorImpl());
    return std::string(text, std::to_chars(text + 2, std::end(text), address, 16).ptr);
  } else {
    return static_cast<Key>(parameter.unsafeGetTensorImpl());
  }
}

}  // namespace course::compat
