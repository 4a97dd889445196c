// libtorch's fused optimizers, where this version has them: one kernel for all parameters.
#pragma once

#include <ATen/Functions.h>
#include <torch/version.h>

namespace course::compat {

/// Since which version they can be called; "" never.
struct FusedSince {
  const char* cuda;
  const char* cpu;
};
inline constexpr FusedSince kFusedAdamSince{"2.1", "2.4"};
inline constexpr FusedSince kFusedSgdSince{"2.3", "2.4"};

namespace detail {
inline constexpr int kVersion = 100 * TORCH_VERSION_MAJOR + TORCH_VERSION_MINOR;
}

inline bool has_fused_adam(at::Device device) {
  return (device.is_cuda() && detail::kVersion >= 201) ||
         (device.is_cpu() && detail::kVersion >= 204);
}

inline bool has_fused_sgd(at::Device device) {
  return (device.is_cuda() && detail::kVersion >= 203) ||
         (device.is_cpu() && detail::kVersion >= 204);
}

/// Adam, or AdamW where `decoupled`, of parameters of one device and dtype.
/// @param steps  float32 on the same device: how many steps were taken, this one included
inline void fused_adam_([[maybe_unused]] at::TensorList params,
                        [[maybe_unused]] at::TensorList grads,
                        [[maybe_unused]] at::TensorList exp_avgs,
                        [[maybe_unused]] at::TensorList exp_avg_sqs,
                        [[maybe_unused]] at::TensorList max_exp_avg_sqs,
                        [[maybe_unused]] at::TensorList steps, [[maybe_unused]] bool decoupled,
                        [[maybe_unused]] double lr, [[maybe_unused]] double beta1,
                        [[maybe_unused]] double beta2, [[maybe_unused]] double weight_decay,
                        [[maybe_unused]] double eps, [[maybe_unused]] bool amsgrad) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 1)
  if (decoupled) {
    at::_fused_adamw_(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, lr, beta1,
                      beta2, weight_decay, eps, amsgrad, /*maximize=*/false);
  } else {
    at::_fused_adam_(params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps, lr, beta1, beta2,
                     weight_decay, eps, amsgrad, /*maximize=*/false);
  }
#endif
}

/// SGD of parameters of one device and dtype. @param buffers none without momentum
inline void fused_sgd_([[maybe_unused]] at::TensorList params,
                       [[maybe_unused]] at::TensorList grads,
                       [[maybe_unused]] at::TensorList buffers,
                       [[maybe_unused]] double weight_decay, [[maybe_unused]] double momentum,
                       [[maybe_unused]] double lr, [[maybe_unused]] double dampening,
                       [[maybe_unused]] bool nesterov, [[maybe_unused]] bool is_first_step) {
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
  at::_fused_sgd_(params, grads, buffers, weight_decay, momentum, lr, dampening, nesterov,
                  /*maximize=*/false, is_first_step);
#endif
}

}  // namespace course::compat
