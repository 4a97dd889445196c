// WeightAveraging, EMAWeightAveraging: validate with, and keep, an average of the weights.
#include "lit/callbacks/weight_averaging.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>

#include "lit/error.h"
#include "lit/trainer/trainer.h"

namespace lit {

std::vector<torch::Tensor> WeightAveraging::weights_of(LightningModule& module) const {
  std::vector<torch::Tensor> weights = module.parameters();
  if (options_.use_buffers) {
    for (const torch::Tensor& buffer : module.buffers()) weights.push_back(buffer);
  }
  for (torch::Tensor& weight : weights) weight = weight.detach();  // the same numbers
  return weights;
}

void WeightAveraging::setup(Trainer&, LightningModule&, const std::string& stage) {
  if (stage == "fit") swapped_ = false;
}

// A checkpoint's are on the CPU, and in the order of the module's weights.
void WeightAveraging::on_train_start(Trainer& trainer, LightningModule& module) {
  latest_step_ = trainer.global_step();
  const std::vector<torch::Tensor> weights = weights_of(module);
  if (averages_.empty()) return;
  const bool fits = std::equal(averages_.begin(), averages_.end(), weights.begin(), weights.end(),
                               [](const auto& a, const auto& b) { return a.sizes() == b.sizes(); });
  if (!fits) {
    throw Error(
        fmt::format("WeightAveraging has the averages of {} weights, but the module has {} others",
                    averages_.size(), weights.size()));
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    averages_[i] = averages_[i].to(options_.device.value_or(weights[i].device()));
  }
}

void WeightAveraging::on_train_batch_end(Trainer& trainer, LightningModule& module,
                                         const StepOutput&, const Batch&, int64_t) {
  if (trainer.global_step() == latest_step_) return;  // a window of accumulation goes on
  latest_step_ = trainer.global_step();
  if (should_update(latest_step_ - 1, std::nullopt)) update(module);
}

void WeightAveraging::on_train_epoch_end(Trainer& trainer, LightningModule& module) {
  if (should_update(std::nullopt, trainer.current_epoch())) update(module);
}

void WeightAveraging::update(LightningModule& module) {
  const torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> weights = weights_of(module);
  if (options_.device) {
    for (torch::Tensor& weight : weights) weight = weight.to(*options_.device);
  }
  if (n_averaged_ == 0) {
    averages_.clear();
    for (const torch::Tensor& weight : weights) averages_.push_back(weight.clone());
  } else {
    std::vector<torch::Tensor> averages, numbers;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (weights[i].is_floating_point()) {
        averages.push_back(averages_[i]);
        numbers.push_back(weights[i]);
      } else {
        averages_[i].copy_(weights[i]);
      }
    }
    average(averages, numbers, n_averaged_);
  }
  ++n_averaged_;
}

void WeightAveraging::swap(LightningModule& module) {
  if (n_averaged_ == 0) return;
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> weights = weights_of(module);
  for (size_t i = 0; i < weights.size(); ++i) {
    const torch::Tensor weight = weights[i].clone();
    weights[i].copy_(averages_[i]);
    averages_[i].copy_(weight);
  }
  swapped_ = !swapped_;
}

void WeightAveraging::on_validation_epoch_start(Trainer& trainer, LightningModule& module) {
  if (trainer.state().fn == TrainerState::Fn::fit) swap(module);
}

void WeightAveraging::on_validation_epoch_end(Trainer&, LightningModule& module) {
  if (swapped_) swap(module);
}

void WeightAveraging::on_exception(Trainer&, LightningModule& module, const std::exception&) {
  if (swapped_) swap(module);
}

void WeightAveraging::on_train_end(Trainer&, LightningModule& module) {
  if (n_averaged_ == 0) return;
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> weights = weights_of(module);
  for (size_t i = 0; i < weights.size(); ++i) weights[i].copy_(averages_[i]);
}

bool WeightAveraging::should_update(std::optional<int64_t> step_idx, std::optional<int64_t>) {
  return step_idx.has_value();
}

void WeightAveraging::average(const std::vector<torch::Tensor>& averages,
                              const std::vector<torch::Tensor>& weights, int64_t n_averaged) {
  for (size_t i = 0; i < averages.size(); ++i) {
    averages[i].add_((weights[i] - averages[i]) / (n_averaged + 1));
  }
}

course::Dict WeightAveraging::state_dict() const {
  course::List averages;
  for (const torch::Tensor& one : averages_) averages.emplace_back(one.cpu().clone());
  return {{"n_averaged", n_averaged_}, {"averages", averages}};
}

void WeightAveraging::load_state_dict(const course::Dict& state) {
  n_averaged_ = state.at("n_averaged").as_int();
  averages_.clear();
  for (const course::Value& one : state.at("averages").as_list()) {
    averages_.push_back(one.as_tensor().clone());
  }
}

EMAWeightAveraging::EMAWeightAveraging(Options options)
    : WeightAveraging({.use_buffers = options.use_buffers, .device = options.device}),
      ema_(options) {
  if (!(options.decay >= 0 && options.decay <= 1)) {
    throw Error(
        fmt::format("decay of EMAWeightAveraging is {}, but must be from 0 to 1", options.decay));
  }
  if (options.update_every_n_steps < 1) {
    throw Error(
        fmt::format("update_every_n_steps of EMAWeightAveraging is {}, but must be at least 1",
                    options.update_every_n_steps));
  }
}

bool EMAWeightAveraging::should_update(std::optional<int64_t> step_idx,
                                       std::optional<int64_t> epoch_idx) {
  if (step_idx) {
    return *step_idx >= ema_.update_starting_at_step.value_or(0) &&
           *step_idx % ema_.update_every_n_steps == 0;
  }
  return epoch_idx && ema_.update_starting_at_epoch && *epoch_idx >= *ema_.update_starting_at_epoch;
}

void EMAWeightAveraging::average(const std::vector<torch::Tensor>& averages,
                                 const std::vector<torch::Tensor>& weights, int64_t) {
  for (size_t i = 0; i < averages.size(); ++i) {
    averages[i].mul_(ema_.decay).add_(weights[i], 1 - ema_.decay);
  }
}

}  // namespace lit
