// Every spelling that differs between libtorch 1.13, 2.6 and newer, and nothing else.
#pragma once

#include <ATen/Context.h>
#include <c10/core/Allocator.h>
#include <torch/version.h>

#include <cstdint>
#include <string>

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

}  // namespace course::compat
