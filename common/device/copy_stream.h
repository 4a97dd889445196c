// Copies to an accelerator beside what it computes.
#pragma once

#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <torch/types.h>

#include <utility>
#include <vector>

namespace course {

/// A stream of its own on a device: what is started in it runs beside what the current stream has
/// to do. The program waits for neither.
///
///     CopyStream copies(torch::Device("cuda:0"));
///     copies.start([&] { next = pinned.to("cuda:0", /*non_blocking=*/true); });
///     ...                       // the current stream computes
///     copies.join({next});      // and goes on when the copy is there
class CopyStream {
 public:
  /// @param device  one with streams: CUDA
  explicit CopyStream(torch::Device device);

  /// Runs `work`, with this stream as the device's current one.
  template <typename Work>
  void start(Work&& work) {
    const c10::StreamGuard guard(stream_);
    std::forward<Work>(work)();
    done_.record(stream_);
  }
  /// What the current stream is given from now on begins when all that was started has ended.
  /// @param made  tensors that were made there and are used by the current stream
  void join(const std::vector<torch::Tensor>& made);

 private:
  c10::Stream stream_;
  c10::Event done_;
};

}  // namespace course
