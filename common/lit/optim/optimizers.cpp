// Adam, AdamW and SGD in one pass over memory.
#include "lit/optim/optimizers.h"

#include <torch/torch.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "compat/fused_optimizers.h"
#include "compat/torch.h"
#include "device/parallel.h"
#include "lit/error.h"
#include "lit/optim/kernels.h"
#include "serialize/parameters.h"

namespace lit {
namespace {

using torch::Tensor;
using Tensors = std::vector<Tensor>;

constexpr int64_t kGrain = 1 << 15;  // elements for which a second thread is worth waking
// Elements from which a fused kernel pays: the foreach functions pass over memory some twenty times
// instead of seven, which below this takes less time than to launch them.
constexpr int64_t kFused = 4'000'000;

bool is_plain(const Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == torch::kFloat32 &&
         tensor.layout() == torch::kStrided && tensor.is_contiguous();
}

void check_gradient(const Tensor& gradient, const char* optimizer) {
  if (gradient.is_sparse()) {
    throw Error(
        std::string(optimizer) +
        " was given a sparse gradient, which it cannot use; make the layer's gradient dense, "
        "as with EmbeddingOptions::sparse(false)");
  }
}

Tensor run(const torch::optim::Optimizer::LossClosure& closure) {
  if (closure == nullptr) return {};
  const torch::AutoGradMode gradients(true);
  return closure();
}

// What the optimizer keeps of a parameter, made at its first step.
template <typename State, typename StateMap, typename Make>
State& state_of(StateMap& states, const torch::optim::Optimizer& optimizer, const Tensor& parameter,
                Make&& make) {
  auto& slot = states[course::compat::optimizer_state_key(optimizer, parameter)];
  if (slot == nullptr) slot = make();
  return static_cast<State&>(*slot);
}

Tensor moment_of(const Tensor& tensor) {
  return torch::zeros_like(tensor, torch::MemoryFormat::Preserve);
}

// What can be updated by one call: parameters at the same step, of one device and dtype, and
// whether a fused kernel can read them.
using Kind = std::tuple<int64_t, c10::DeviceType, c10::DeviceIndex, torch::ScalarType, bool>;

Kind kind_of(int64_t step, const Tensor& parameter, std::initializer_list<Tensor> beside) {
  bool same = parameter.layout() == torch::kStrided && parameter.is_floating_point() &&
              parameter.is_non_overlapping_and_dense();
  for (const Tensor& tensor : beside) {
    same = same && (!tensor.defined() || (tensor.layout() == torch::kStrided &&
                                          tensor.strides() == parameter.strides() &&
                                          tensor.scalar_type() == parameter.scalar_type()));
  }
  const torch::Device device = parameter.device();
  return {step, device.type(), device.index(), parameter.scalar_type(), same};
}

// Are these parameters for a fused kernel?
bool takes_fused(std::optional<bool> wanted, const Kind& kind, const Tensors& params, bool has_one,
                 const course::compat::FusedSince& since, const char* optimizer) {
  if (!std::get<bool>(kind) || wanted == false) return false;
  const torch::Device device = params.front().device();
  if (wanted == true && !has_one) {
    throw Error(std::string(optimizer) + ".fused(true) needs libtorch " +
                (device.is_cpu() ? since.cpu : since.cuda) + " or newer for parameters on " +
                (device.is_cpu() ? "the CPU" : "CUDA, and has none for other accelerators") +
                "; this is " + course::compat::torch_version() + " with parameters on " +
                device.str());
  }
  if (wanted.has_value() || !has_one || !device.is_cuda()) return wanted == true;
  int64_t elements = 0;
  for (const Tensor& parameter : params) elements += parameter.numel();
  return elements >= kFused;
}

// --- Adam and AdamW ---------------------------------------------------------------------------

// Parameters at the same step that no kernel of ours can update.
struct AdamLists {
  Tensors params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs;
};

struct AdamNumbers {
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled, amsgrad;

  double correction1(int64_t step) const { return 1 - std::pow(beta1, static_cast<double>(step)); }
  double correction2(int64_t step) const { return 1 - std::pow(beta2, static_cast<double>(step)); }
};

void adam_fused(AdamLists& lists, int64_t step, const AdamNumbers& o) {
  // The kernel reads the step on the device; it is the same for all of them.
  const auto options = lists.params.front().options().dtype(torch::kFloat32).requires_grad(false);
  const Tensors steps(lists.params.size(), torch::full({}, static_cast<double>(step), options));
  course::compat::fused_adam_(lists.params, lists.grads, lists.exp_avgs, lists.exp_avg_sqs,
                              lists.max_exp_avg_sqs, steps, o.decoupled, o.lr, o.beta1, o.beta2,
                              o.weight_decay, o.eps, o.amsgrad);
}

// PyTorch's foreach form.
void adam_by_lists(AdamLists& lists, int64_t step, const AdamNumbers& o) {
  Tensors& grads = lists.grads;
  if (o.weight_decay != 0) {
    if (o.decoupled) {
      at::_foreach_mul_(lists.params, 1 - o.lr * o.weight_decay);
    } else {
      grads = at::_foreach_add(grads, lists.params, o.weight_decay);
    }
  }
  at::_foreach_mul_(lists.exp_avgs, o.beta1);
  at::_foreach_add_(lists.exp_avgs, grads, 1 - o.beta1);
  at::_foreach_mul_(lists.exp_avg_sqs, o.beta2);
  at::_foreach_addcmul_(lists.exp_avg_sqs, grads, grads, 1 - o.beta2);
  Tensors denominators;
  if (o.amsgrad) {
    const Tensors largest = at::_foreach_maximum(lists.max_exp_avg_sqs, lists.exp_avg_sqs);
    for (size_t i = 0; i < largest.size(); ++i) lists.max_exp_avg_sqs[i].copy_(largest[i]);
    denominators = at::_foreach_sqrt(largest);
  } else {
    denominators = at::_foreach_sqrt(lists.exp_avg_sqs);
  }
  at::_foreach_div_(denominators, std::sqrt(o.correction2(step)));
  at::_foreach_add_(denominators, o.eps);
  at::_foreach_addcdiv_(lists.params, lists.exp_avgs, denominators, -o.lr / o.correction1(step));
}

template <typename State>
void adam_by_kernel(const Tensor& parameter, const Tensor& gradient, State& state,
                    const AdamNumbers& o) {
  const int64_t step = state.step();
  const kernels::AdamStep numbers{
      .beta1 = static_cast<float>(o.beta1),
      .one_minus_beta1 = static_cast<float>(1 - o.beta1),
      .beta2 = static_cast<float>(o.beta2),
      .one_minus_beta2 = static_cast<float>(1 - o.beta2),
      .eps = static_cast<float>(o.eps),
      .step_size = static_cast<float>(o.lr / o.correction1(step)),
      .bias_correction2_sqrt = static_cast<float>(std::sqrt(o.correction2(step))),
      .weight_decay = static_cast<float>(o.decoupled ? 0 : o.weight_decay),
      .shrink = static_cast<float>(o.decoupled ? 1 - o.lr * o.weight_decay : 1)};
  float* param = parameter.data_ptr<float>();
  const float* grad = gradient.data_ptr<float>();
  float* exp_avg = state.exp_avg().template data_ptr<float>();
  float* exp_avg_sq = state.exp_avg_sq().template data_ptr<float>();
  float* largest = o.amsgrad ? state.max_exp_avg_sq().template data_ptr<float>() : nullptr;
  course::parallel_for(parameter.numel(), kGrain, [&](int64_t begin, int64_t end) {
    kernels::adam(param + begin, grad + begin, exp_avg + begin, exp_avg_sq + begin,
                  largest == nullptr ? nullptr : largest + begin, end - begin, numbers);
  });
}

template <typename Options, typename State, typename Groups, typename StateMap>
void adam_step(Groups& groups, StateMap& states, const torch::optim::Optimizer& optimizer,
               bool decoupled, std::optional<bool> fused) {
  const char* const name = decoupled ? "AdamW" : "Adam";
  const torch::NoGradGuard no_grad;
  for (auto& group : groups) {
    const auto& options = static_cast<const Options&>(group.options());
    const AdamNumbers numbers{
        options.lr(),     std::get<0>(options.betas()), std::get<1>(options.betas()),
        options.eps(),    options.weight_decay(),       decoupled,
        options.amsgrad()};
    std::map<Kind, AdamLists> others;
    for (const Tensor& parameter : group.params()) {
      const Tensor& gradient = parameter.grad();
      if (!gradient.defined()) continue;
      check_gradient(gradient, name);
      State& state = state_of<State>(states, optimizer, parameter, [&] {
        auto made = std::make_unique<State>();
        made->step(0);
        made->exp_avg(moment_of(parameter));
        made->exp_avg_sq(moment_of(parameter));
        if (numbers.amsgrad) made->max_exp_avg_sq(moment_of(parameter));
        return made;
      });
      state.step(state.step() + 1);
      const bool plain = fused != true && is_plain(parameter) && is_plain(gradient) &&
                         is_plain(state.exp_avg()) && is_plain(state.exp_avg_sq()) &&
                         (!numbers.amsgrad || is_plain(state.max_exp_avg_sq()));
      if (plain) {
        adam_by_kernel(parameter, gradient, state, numbers);
        continue;
      }
      AdamLists& lists =
          others[kind_of(state.step(), parameter,
                         {gradient, state.exp_avg(), state.exp_avg_sq(), state.max_exp_avg_sq()})];
      lists.params.push_back(parameter);
      lists.grads.push_back(gradient);
      lists.exp_avgs.push_back(state.exp_avg());
      lists.exp_avg_sqs.push_back(state.exp_avg_sq());
      if (numbers.amsgrad) lists.max_exp_avg_sqs.push_back(state.max_exp_avg_sq());
    }
    for (auto& [kind, lists] : others) {
      const auto step = std::get<int64_t>(kind);
      const bool has_one = course::compat::has_fused_adam(lists.params.front().device());
      if (takes_fused(fused, kind, lists.params, has_one, course::compat::kFusedAdamSince, name)) {
        adam_fused(lists, step, numbers);
      } else {
        adam_by_lists(lists, step, numbers);
      }
    }
  }
}

// --- SGD --------------------------------------------------------------------------------------

void sgd_by_kernel(const Tensor& parameter, const Tensor& gradient, const Tensor& buffer,
                   bool first, const torch::optim::SGDOptions& o) {
  const kernels::SgdStep numbers{.lr = static_cast<float>(o.lr()),
                                 .momentum = static_cast<float>(o.momentum()),
                                 .one_minus_dampening = static_cast<float>(1 - o.dampening()),
                                 .weight_decay = static_cast<float>(o.weight_decay()),
                                 .nesterov = o.nesterov(),
                                 .first = first};
  float* param = parameter.data_ptr<float>();
  const float* grad = gradient.data_ptr<float>();
  float* momentum = buffer.defined() ? buffer.data_ptr<float>() : nullptr;
  course::parallel_for(parameter.numel(), kGrain, [&](int64_t begin, int64_t end) {
    kernels::sgd(param + begin, grad + begin, momentum == nullptr ? nullptr : momentum + begin,
                 end - begin, numbers);
  });
}

struct SgdLists {
  Tensors params, grads, buffers;
};

void sgd_fused(SgdLists& lists, bool first, const torch::optim::SGDOptions& o) {
  course::compat::fused_sgd_(lists.params, lists.grads, lists.buffers, o.weight_decay(),
                             o.momentum(), o.lr(), o.dampening(), o.nesterov(), first);
}

void sgd_by_lists(SgdLists& lists, bool first, const torch::optim::SGDOptions& o) {
  Tensors steps = lists.grads;
  if (o.weight_decay() != 0) steps = at::_foreach_add(steps, lists.params, o.weight_decay());
  if (o.momentum() != 0) {
    if (first) {
      for (size_t i = 0; i < steps.size(); ++i) lists.buffers[i].copy_(steps[i]);
    } else {
      at::_foreach_mul_(lists.buffers, o.momentum());
      at::_foreach_add_(lists.buffers, steps, 1 - o.dampening());
    }
    steps = o.nesterov() ? at::_foreach_add(steps, lists.buffers, o.momentum()) : lists.buffers;
  }
  at::_foreach_add_(lists.params, steps, -o.lr());
}

}  // namespace

detail::ParamGroups detail::each_once(ParamGroups groups) {
  with_own_errors([&] { course::take_each_once(groups); });
  return groups;
}

Tensor Adam::step(LossClosure closure) {
  const Tensor loss = run(closure);
  adam_step<torch::optim::AdamOptions, torch::optim::AdamParamState>(param_groups_, state_, *this,
                                                                     /*decoupled=*/false, fused());
  return loss;
}

Tensor AdamW::step(LossClosure closure) {
  const Tensor loss = run(closure);
  adam_step<torch::optim::AdamWOptions, torch::optim::AdamWParamState>(param_groups_, state_, *this,
                                                                       /*decoupled=*/true, fused());
  return loss;
}

Tensor SGD::step(LossClosure closure) {
  const Tensor loss = run(closure);
  const torch::NoGradGuard no_grad;
  for (auto& group : param_groups_) {
    const auto& options = static_cast<const torch::optim::SGDOptions&>(group.options());
    std::map<Kind, SgdLists> others;
    for (const Tensor& parameter : group.params()) {
      const Tensor& gradient = parameter.grad();
      if (!gradient.defined()) continue;
      check_gradient(gradient, "SGD");
      Tensor buffer;
      bool first = false;
      if (options.momentum() != 0) {
        using State = torch::optim::SGDParamState;
        State& state =
            state_of<State>(state_, *this, parameter, [] { return std::make_unique<State>(); });
        first = !state.momentum_buffer().defined();
        if (first) state.momentum_buffer(torch::empty_like(parameter));
        buffer = state.momentum_buffer();
      }
      const bool plain = fused() != true && is_plain(parameter) && is_plain(gradient) &&
                         (!buffer.defined() || is_plain(buffer));
      if (plain) {
        sgd_by_kernel(parameter, gradient, buffer, first, options);
        continue;
      }
      SgdLists& lists = others[kind_of(first ? 0 : 1, parameter, {gradient, buffer})];
      lists.params.push_back(parameter);
      lists.grads.push_back(gradient);
      if (buffer.defined()) lists.buffers.push_back(buffer);
    }
    for (auto& [kind, lists] : others) {
      const bool first = std::get<int64_t>(kind) == 0;
      const bool has_one = course::compat::has_fused_sgd(lists.params.front().device());
      if (takes_fused(fused(), kind, lists.params, has_one, course::compat::kFusedSgdSince,
                      "SGD")) {
        sgd_fused(lists, first, options);
      } else {
        sgd_by_lists(lists, first, options);
      }
    }
  }
  return loss;
}

}  // namespace lit
