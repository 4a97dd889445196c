// NaNGuard: a loss or a gradient that is no number does not get into the weights.
#include "lit/callbacks/nan_guard.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <utility>
#include <vector>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/checked.h"

namespace lit {
namespace {

// One number for all: it is finite if they are, or nearly always (a norm can be too large for
// float32 where no number is). One wait instead of one for each tensor.
bool surely_finite(const torch::Tensor& loss, const std::vector<torch::Tensor>& gradients) {
  std::vector<torch::Tensor> numbers;
  if (loss.defined()) numbers.push_back(loss.reshape({}).to(torch::kFloat32));
  for (const torch::Tensor& norm : torch::_foreach_norm(gradients, 2)) {
    numbers.push_back(norm.to(torch::kFloat32));
  }
  return numbers.empty() || torch::stack(numbers).isfinite().all().item<bool>();
}

// What is not finite; "": everything is.
std::string find(const torch::Tensor& loss, LightningModule& module) {
  if (loss.defined() && !loss.isfinite().all().item<bool>()) {
    return fmt::format("the loss is {}", loss.item<double>());
  }
  for (const auto& parameter : module.named_parameters()) {
    const torch::Tensor& gradient = parameter.value().grad();
    if (!gradient.defined()) continue;
    const auto wrong = gradient.isfinite().logical_not().sum().item<int64_t>();
    if (wrong > 0) {
      return fmt::format("{} of {} numbers in the gradient of {} are NaN or infinite", wrong,
                         gradient.numel(), parameter.key());
    }
  }
  return "";
}

}  // namespace

NaNGuard::NaNGuard(Options options) : options_(std::move(options)) {
  const std::string& action = options_.action;
  if (action != "raise" && action != "skip" && action != "stop") {
    throw Error(
        fmt::format("action of NaNGuard is \"{}\", but must be raise, skip or stop", action));
  }
  if (options_.max_skipped < 1 || options_.every_n_steps < 0) {
    throw Error(fmt::format(
        "NaNGuard has max_skipped={} and every_n_steps={}; the first is at least 1, the second 0",
        options_.max_skipped, options_.every_n_steps));
  }
}

void NaNGuard::on_train_batch_start(Trainer&, LightningModule&, const Batch&, int64_t batch_idx) {
  batch_idx_ = batch_idx;
}

void NaNGuard::on_before_backward(Trainer&, LightningModule&, const torch::Tensor& loss) {
  loss_ = loss.detach();
}

void NaNGuard::on_before_optimizer_step(Trainer& trainer, LightningModule& module,
                                        torch::optim::Optimizer& optimizer) {
  const torch::Tensor loss = std::exchange(loss_, torch::Tensor());
  const int64_t every = options_.every_n_steps;
  const bool due = every > 0 ? trainer.global_step() % every == 0
                             : module.device().is_cpu() || trainer.should_update_logs();
  if (!due) return;
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> gradients;
  for (const torch::Tensor& parameter : module.parameters()) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  if (surely_finite(loss, gradients)) {
    in_a_row_ = 0;
    return;
  }
  const std::string found = find(loss, module);
  if (found.empty()) return;
  const std::string text =
      fmt::format("{} in batch {} of epoch {}", found, batch_idx_, trainer.current_epoch());
  const std::string advice =
      "; use a lower learning rate or gradient_clip_val, look at that batch, or let detect_anomaly "
      "find the operation";
  if (options_.action == "raise") throw Error(text + advice);
  drop_gradients(optimizer);  // an optimizer leaves parameters without a gradient as they are
  if (options_.action == "stop") {
    warn(text + "; training stops, with the weights from before it");
    trainer.should_stop = true;
    return;
  }
  ++skipped_;
  if (++in_a_row_ >= options_.max_skipped) {
    throw Error(fmt::format("{}, the {}th step in a row{}", text, in_a_row_, advice));
  }
  warn(text + "; its step is skipped");
}

void NaNGuard::load_state_dict(const course::Dict& state) {
  skipped_ = course::whole(state, "skipped");
  in_a_row_ = course::whole(state, "in_a_row");
}

}  // namespace lit
