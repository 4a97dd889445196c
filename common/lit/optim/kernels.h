// One optimizer step over plain memory: no header of libtorch, so that it can be compiled by
// itself.
#pragma once

#include <cstdint>

namespace lit::kernels {

/// The numbers of one Adam or AdamW step, the same for all elements.
struct AdamStep {
  float beta1, one_minus_beta1;
  float beta2, one_minus_beta2;
  float eps;
  float step_size;              ///< lr / (1 - beta1^step)
  float bias_correction2_sqrt;  ///< sqrt(1 - beta2^step)
  float weight_decay;           ///< Adam: added to the gradient, times the parameter
  float shrink;                 ///< AdamW: 1 - lr * weight_decay; Adam: 1
};

/// One pass over n elements. The operations are torch::optim's, in their order, and rounded where
/// libtorch's own kernels round, so that the results agree to the last bit wherever the processor
/// multiplies and adds at once; but moments that would be denormal become 0: processors take a
/// hundred times as long for them, and no parameter notices.
/// @param max_exp_avg_sq  for amsgrad; else nullptr
void adam(float* param, const float* grad, float* exp_avg, float* exp_avg_sq, float* max_exp_avg_sq,
          int64_t n, const AdamStep& step);

struct SgdStep {
  float lr, momentum, one_minus_dampening, weight_decay;
  bool nesterov;
  bool first;  ///< the momentum begins as the gradient
};

/// @param buffer  the momentum's; nullptr without one
void sgd(float* param, const float* grad, float* buffer, int64_t n, const SgdStep& step);

}  // namespace lit::kernels
