// The weights of the best epoch, with three mistakes.
#pragma once

#include <torch/torch.h>

#include <limits>
#include <map>
#include <string>

/// Keeps what a model was in its best epoch.
class BestWeights {
 public:
  /// Takes the loss of an epoch that the model has just finished; keeps the model if it is the best
  /// so far. A loss that is not a number is never the best.
  void observe(const torch::nn::Module& model, double loss) {
    if (loss >= best_loss_) return;
    best_loss_ = loss;
    for (const auto& parameter : model.named_parameters())
      best_[parameter.key()] = parameter.value();
  }

  /// Puts the best back into the model: all that evaluating it depends on. If there was none, it
  /// stays as it is.
  void restore(torch::nn::Module& model) const {
    const torch::NoGradGuard no_grad;
    for (auto& parameter : model.named_parameters()) {
      const auto found = best_.find(parameter.key());
      if (found != best_.end()) parameter.value().copy_(found->second);
    }
  }

 private:
  double best_loss_ = std::numeric_limits<double>::infinity();
  std::map<std::string, torch::Tensor> best_;
};
