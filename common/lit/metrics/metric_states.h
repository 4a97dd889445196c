// How the states of a metric are touched and moved.
#pragma once

#include <torch/torch.h>

namespace lit::detail {

// Around everything that touches states: they record no graph, and can be written to wherever they
// were made (tensors that are made in inference mode could not, outside of it).
struct Plain {
  torch::InferenceMode off{false};
  torch::NoGradGuard no_grad;
};

// Metal has no float64.
inline torch::Tensor moved(const torch::Tensor& tensor, torch::Device device) {
  if (!tensor.defined()) return tensor;
  const bool narrow = device.is_mps() && tensor.scalar_type() == torch::kFloat64;
  return tensor.to(device, narrow ? torch::kFloat32 : tensor.scalar_type());
}

/// Keys of a metric's state_dict beside its states.
inline constexpr const char* kUpdateCount = "update_count";
inline constexpr const char* kOptions = "options";

}  // namespace lit::detail
