// One optimizer step over plain memory. It is compiled with -O3 and without a contraction of
// multiply-add that the compiler thinks of (common/lit/CMakeLists.txt), once for each width of
// vectors that a processor may have.
#include "lit/optim/kernels.h"

#include <cfloat>
#include <cmath>

#define LIT_INLINE inline __attribute__((always_inline))

#if defined(__GNUC__) && defined(__x86_64__)
#define LIT_WIDTHS 1
#endif

namespace lit::kernels {
namespace {

LIT_INLINE float normal(float x) {
  return std::fabs(x) < FLT_MIN ? 0.0F : x;
}

// Where libtorch's own kernels multiply and add in one rounding, because the processor can.
template <bool kFused>
LIT_INLINE float multiply_add(float a, float b, float c) {
  if constexpr (kFused) {
    return __builtin_fmaf(a, b, c);
  } else {
    return a * b + c;
  }
}

template <bool kFused, bool kDecay, bool kDecoupled, bool kAmsgrad>
LIT_INLINE void adam_loop(float* __restrict param, const float* __restrict grad,
                          float* __restrict exp_avg, float* __restrict exp_avg_sq,
                          float* __restrict max_exp_avg_sq, int64_t n, AdamStep s) {
  for (int64_t i = 0; i < n; ++i) {
    float p = param[i], g = grad[i];
    if constexpr (kDecoupled) p = p * s.shrink;
    if constexpr (kDecay) g = multiply_add<kFused>(p, s.weight_decay, g);
    const float m = normal(multiply_add<kFused>(g, s.one_minus_beta1, exp_avg[i] * s.beta1));
    const float v = normal(multiply_add<kFused>(s.one_minus_beta2 * g, g, exp_avg_sq[i] * s.beta2));
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    float largest = v;
    if constexpr (kAmsgrad) {
      // As torch::max: a NaN stays one.
      largest = v > max_exp_avg_sq[i] || v != v ? v : max_exp_avg_sq[i];
      max_exp_avg_sq[i] = largest;
    }
    const float denominator = std::sqrt(largest) / s.bias_correction2_sqrt + s.eps;
    param[i] = p + -s.step_size * m / denominator;
  }
}

// Without weight decay there is no such term: 0 times an infinite parameter would be NaN.
template <bool kFused, bool kDecay, bool kMomentum, bool kNesterov, bool kFirst>
LIT_INLINE void sgd_loop(float* __restrict param, const float* __restrict grad,
                         float* __restrict buffer, int64_t n, SgdStep s) {
  for (int64_t i = 0; i < n; ++i) {
    const float p = param[i];
    float d = grad[i];
    if constexpr (kDecay) d = multiply_add<kFused>(p, s.weight_decay, d);
    if constexpr (kMomentum) {
      const float b =
          kFirst ? d
                 : normal(multiply_add<kFused>(d, s.one_minus_dampening, buffer[i] * s.momentum));
      buffer[i] = b;
      d = kNesterov ? multiply_add<kFused>(b, s.momentum, d) : b;
    }
    param[i] = multiply_add<kFused>(d, -s.lr, p);
  }
}

template <bool kFused>
LIT_INLINE void adam_by(float* param, const float* grad, float* exp_avg, float* exp_avg_sq,
                        float* largest, int64_t n, const AdamStep& s) {
  const bool amsgrad = largest != nullptr;
  if (s.shrink != 1) {
    amsgrad
        ? adam_loop<kFused, false, true, true>(param, grad, exp_avg, exp_avg_sq, largest, n, s)
        : adam_loop<kFused, false, true, false>(param, grad, exp_avg, exp_avg_sq, largest, n, s);
  } else if (s.weight_decay != 0) {
    amsgrad
        ? adam_loop<kFused, true, false, true>(param, grad, exp_avg, exp_avg_sq, largest, n, s)
        : adam_loop<kFused, true, false, false>(param, grad, exp_avg, exp_avg_sq, largest, n, s);
  } else {
    amsgrad
        ? adam_loop<kFused, false, false, true>(param, grad, exp_avg, exp_avg_sq, largest, n, s)
        : adam_loop<kFused, false, false, false>(param, grad, exp_avg, exp_avg_sq, largest, n, s);
  }
}

template <bool kFused, bool kDecay>
LIT_INLINE void sgd_by(float* param, const float* grad, float* buffer, int64_t n,
                       const SgdStep& s) {
  if (buffer == nullptr) {
    sgd_loop<kFused, kDecay, false, false, false>(param, grad, buffer, n, s);
  } else if (s.nesterov) {
    s.first ? sgd_loop<kFused, kDecay, true, true, true>(param, grad, buffer, n, s)
            : sgd_loop<kFused, kDecay, true, true, false>(param, grad, buffer, n, s);
  } else {
    s.first ? sgd_loop<kFused, kDecay, true, false, true>(param, grad, buffer, n, s)
            : sgd_loop<kFused, kDecay, true, false, false>(param, grad, buffer, n, s);
  }
}

// One of each for every width of vectors.
#define LIT_KERNELS(name, fused, attributes)                                                      \
  attributes void adam_##name(float* param, const float* grad, float* exp_avg, float* exp_avg_sq, \
                              float* largest, int64_t n, const AdamStep& s) {                     \
    adam_by<fused>(param, grad, exp_avg, exp_avg_sq, largest, n, s);                              \
  }                                                                                               \
  attributes void sgd_##name(float* param, const float* grad, float* buffer, int64_t n,           \
                             const SgdStep& s) {                                                  \
    s.weight_decay != 0 ? sgd_by<fused, true>(param, grad, buffer, n, s)                          \
                        : sgd_by<fused, false>(param, grad, buffer, n, s);                        \
  }

#if defined(LIT_WIDTHS)
LIT_KERNELS(base, false, )
LIT_KERNELS(avx2, true, __attribute__((target("avx2,fma"))))
LIT_KERNELS(avx512, true, __attribute__((target("avx512f,fma"))))

enum class Width { base, avx2, avx512 };
const Width kWidth = [] {
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("fma")) return Width::base;
  if (__builtin_cpu_supports("avx512f")) return Width::avx512;
  return __builtin_cpu_supports("avx2") ? Width::avx2 : Width::base;
}();
#define LIT_CALL(kernel, ...)              \
  switch (kWidth) {                        \
    case Width::avx512:                    \
      return kernel##_avx512(__VA_ARGS__); \
    case Width::avx2:                      \
      return kernel##_avx2(__VA_ARGS__);   \
    case Width::base:                      \
      return kernel##_base(__VA_ARGS__);   \
  }
#elif defined(__FP_FAST_FMAF)
LIT_KERNELS(base, true, )
#define LIT_CALL(kernel, ...) return kernel##_base(__VA_ARGS__)
#else
LIT_KERNELS(base, false, )
#define LIT_CALL(kernel, ...) return kernel##_base(__VA_ARGS__)
#endif

}  // namespace

void adam(float* param, const float* grad, float* exp_avg, float* exp_avg_sq, float* max_exp_avg_sq,
          int64_t n, const AdamStep& step) {
  LIT_CALL(adam, param, grad, exp_avg, exp_avg_sq, max_exp_avg_sq, n, step);
}

void sgd(float* param, const float* grad, float* buffer, int64_t n, const SgdStep& step) {
  LIT_CALL(sgd, param, grad, buffer, n, step);
}

}  // namespace lit::kernels
