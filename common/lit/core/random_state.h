// libtorch's random streams: where they stand, and kept over something that shall leave no trace.
#pragma once

#include <torch/types.h>

#include <string>

#include "serialize/value.h"

namespace lit {

/// The state of libtorch's default generator on a device, uint8 on the CPU.
torch::Tensor generator_state(torch::Device device);
void set_generator_state(torch::Device device, const torch::Tensor& state);
/// The tensor under a key of a checkpoint, which set_generator_state() can take.
/// @throws Error if it is no state of a generator on that device
torch::Tensor checked_generator_state(const course::Dict& from, const std::string& key,
                                      torch::Device device);

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
