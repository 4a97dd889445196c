// WeightAveraging, EMAWeightAveraging: validate with, and keep, an average of the weights.
#include "lit/callbacks/weight_averaging.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <unordered_map>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/checked.h"
#include "serialize/parameters.h"
#include "serialize/state_dict.h"

namespace lit {

std::vector<torch::Tensor> WeightAveraging::weights_of(const LightningModule& module) const {
  std::vector<torch::Tensor> weights = module.parameters();
  if (options_.use_buffers) {
    for (const torch::Tensor& buffer : module.buffers()) weights.push_back(buffer);
    weights = course::each_once(weights);
  }
  for (torch::Tensor& weight : weights) weight = weight.detach();  // the same numbers
  return weights;
}

// All names of each weight, since a state_dict has all; in the order of weights_of().
std::vector<std::vector<std::string>> WeightAveraging::names_of(
    const LightningModule& module) const {
  std::vector<std::vector<std::string>> names;
  std::unordered_map<const void*, size_t> places;
  const auto add = [&](const course::NamedTensors& tensors) {
    for (const auto& item : tensors) {
      const auto place = places.emplace(course::identity(item.value()), names.size());
      if (place.second) names.emplace_back();
      names[place.first->second].push_back(item.key());
    }
  };
  add(module.torch::nn::Module::named_parameters());
  if (options_.use_buffers) add(module.torch::nn::Module::named_buffers());
  return names;
}

void WeightAveraging::setup(Trainer&, LightningModule&, const std::string& stage) {
  if (stage == "fit") swapped_ = false;
}

void WeightAveraging::on_train_start(Trainer& trainer, LightningModule&) {
  latest_step_ = trainer.global_step();
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

void WeightAveraging::on_save_checkpoint(Trainer&, LightningModule& module,
                                         course::Dict& checkpoint) {
  const torch::Tensor count = torch::scalar_tensor(n_averaged_, torch::kInt64);
  checkpoint.set("averaging_state", course::Dict{{"n_averaged", count}});
  const course::Dict current = checkpoint.at("state_dict").as_dict();
  checkpoint.set("current_model_state", current);
  if (n_averaged_ == 0) return;
  course::Dict averaged = current;
  const auto names = names_of(module);
  for (size_t i = 0; i < names.size(); ++i) {
    for (const std::string& name : names[i]) averaged.set(name, averages_[i]);
  }
  checkpoint.set("state_dict", averaged);
}

course::Dict WeightAveraging::state_dict() const {
  return {{"latest_update_step", latest_step_}};
}

void WeightAveraging::load_state_dict(const course::Dict& state) {
  latest_step_ = course::whole(state, "latest_update_step");
}

void WeightAveraging::on_load_checkpoint(Trainer& trainer, LightningModule& module,
                                         const course::Dict& checkpoint) {
  if (trainer.state().fn != TrainerState::Fn::fit) return;  // whoever evaluates wants the averages
  const bool averaged = checkpoint.find("averaging_state") != nullptr;
  n_averaged_ =
      averaged ? course::whole(course::dict(checkpoint, "averaging_state"), "n_averaged") : 0;
  averages_.clear();
  if (!averaged) {
    warn("the checkpoint has no averages of weights; they begin with those in it");
    return;
  }
  if (n_averaged_ == 0 && checkpoint.find("current_model_state") == nullptr) return;  // version 0.1
  const course::Dict& state = course::dict(checkpoint, "state_dict");
  const std::vector<torch::Tensor> weights = weights_of(module);
  const auto names = names_of(module);
  for (size_t i = 0; i < names.size() && n_averaged_ > 0; ++i) {
    const torch::Tensor& weight = weights[i];
    averages_.push_back(
        course::tensor(state, names[i].front(), weight.sizes(), weight.scalar_type())
            .to(options_.device.value_or(trainer.strategy().root_device()))
            .clone());
  }
  const course::Dict& current = course::dict(checkpoint, "current_model_state");
  course::within("current_model_state", [&] { course::load_state_dict(module, current); });
}

EMAWeightAveraging::EMAWeightAveraging(Options options)
    : WeightAveraging({.use_buffers = options.use_buffers, .device = options.device}),
      ema_(options) {
  if (!(options.decay >= 0 && options.decay <= 1)) {
    throw Error(
        fmt::format("decay of EMAWeightAveraging is {}, but must be from 0 to 1", options.decay));
  }
  if (options.update_every_n_steps < 0) {
    throw Error(fmt::format(
        "update_every_n_steps of EMAWeightAveraging is {}, but must be at least 0, which is never",
        options.update_every_n_steps));
  }
}

bool EMAWeightAveraging::should_update(std::optional<int64_t> step_idx,
                                       std::optional<int64_t> epoch_idx) {
  if (step_idx) {
    const int64_t every = ema_.update_every_n_steps;
    return every > 0 && *step_idx >= ema_.update_starting_at_step.value_or(0) &&
           *step_idx % every == 0;
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
