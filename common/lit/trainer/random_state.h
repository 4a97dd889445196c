// libtorch's random streams, kept over something that shall leave no trace in them.
#pragma once

#include <torch/types.h>

namespace lit {

/// Puts the generators of the CPU and of `device` back where they were when it goes.
class KeepRandomState {
 public:
  explicit KeepRandomState(torch::Device device);
  ~KeepRandomState();
  KeepRandomState(const KeepRandomState&) = delete;
  KeepRandomState& operator=(const KeepRandomState&) = delete;

 private:
  torch::Device device_;
  torch::Tensor cpu_, other_;
};

}  // namespace lit
