// What happens to one batch of training between its two hooks.
#include "lit/loops/step.h"

#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <cmath>
#include <string>

#include "lit/core/messages.h"
#include "lit/error.h"

namespace lit {

StepOutput ManualStep::run(const Batch& batch) {
  StepOutput output = hooks_.module(Hook::training_step, [&](LightningModule& module) {
    return strategy_.training_step(module, batch, progress_.batch_idx);
  });
  if (output.loss.defined()) output.loss = output.loss.detach();
  return output;
}

StepOutput AutomaticStep::run(const Batch& batch) {
  StepOutput output;
  LightningOptimizer* const optimizer = optimization_.first();
  if (optimizer == nullptr || progress_.accumulates(limits_.accumulate_grad_batches)) {
    output = forward_and_backward(batch);
  } else {
    bool ran = false;
    const Closure closure = [&] {
      ran = true;
      output = forward_and_backward(batch);
      return output.loss;
    };
    hooks_.module(Hook::optimizer_step, [&](LightningModule& module) {
      module.optimizer_step(progress_.current_epoch, progress_.batch_idx, *optimizer, closure);
    });
    if (!ran) {
      throw Error(
          "optimizer_step() of the module did not call its closure, so that nothing was learned; "
          "call optimizer.step(closure), or closure() itself");
    }
    ++progress_.global_step;
  }
  if (output.loss.defined()) output.loss = output.loss.detach();
  return output;
}

StepOutput AutomaticStep::forward_and_backward(const Batch& batch) {
  StepOutput output = hooks_.module(Hook::training_step, [&](LightningModule& module) {
    return strategy_.training_step(module, batch, progress_.batch_idx);
  });
  const bool has_loss = output.loss.defined();
  if (has_loss) {
    check(output.loss);
    const int64_t window = limits_.accumulate_grad_batches;
    if (window > 1) output.loss = output.loss / window;
  } else {
    if (!output.outputs.empty()) {
      throw Error(
          "training_step() returned outputs without a loss; return {loss, outputs}, or {} to skip "
          "the batch");
    }
    warn("training_step() returned nothing; the batch is skipped");
  }
  zero_grad();
  if (has_loss) backward(output.loss);
  return output;
}

// At the first batch of a window.
void AutomaticStep::zero_grad() {
  const bool is_first = progress_.batch_idx % limits_.accumulate_grad_batches == 0;
  if (!is_first || optimization_.first() == nullptr) return;
  torch::optim::Optimizer& optimizer = **optimization_.first();
  hooks_.on_before_zero_grad(optimizer);
  hooks_.module(Hook::optimizer_zero_grad, [&](LightningModule& module) {
    module.optimizer_zero_grad(progress_.current_epoch, progress_.batch_idx, optimizer);
  });
}

void AutomaticStep::backward(const torch::Tensor& loss) {
  hooks_.on_before_backward(loss);
  try {
    hooks_.module(Hook::backward,
                  [&](LightningModule& module) { strategy_.backward(module, loss); });
  } catch (const course::Error&) {
    throw;
  } catch (const std::exception& error) {  // libtorch's, of the anomaly mode
    if (!detect_anomaly_) throw;
    const std::string what = error.what();
    throw Error(fmt::format("the backward pass of batch {} in epoch {} failed: {}",
                            progress_.batch_idx, progress_.current_epoch,
                            what.substr(0, what.find('\n'))));
  }
  hooks_.on_after_backward();
}

void AutomaticStep::check(const torch::Tensor& loss) const {
  if (loss.numel() != 1) {
    throw Error(fmt::format(
        "training_step() returned a loss of shape {}, but it must be one number; take its mean()",
        c10::str(loss.sizes())));
  }
  if (!loss.requires_grad()) {
    throw Error(
        "training_step() returned a loss without a graph, so that nothing can be learned from it; "
        "was it detached, computed under no_grad, or is every parameter frozen?");
  }
  if (detect_anomaly_ && !std::isfinite(loss.item<double>())) {
    throw Error(fmt::format("the loss of batch {} in epoch {} is not finite", progress_.batch_idx,
                            progress_.current_epoch));
  }
}

}  // namespace lit
