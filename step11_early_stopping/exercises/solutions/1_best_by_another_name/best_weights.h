// The weights of the best epoch.
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
    if (!(loss < best_loss_)) return;
    best_loss_ = loss;
    for (const auto& item : model.named_parameters())
      best_[item.key()] = item.value().detach().clone();
    for (const auto& item : model.named_buffers()) best_[item.key()] = item.value().clone();
  }

  /// Puts the best back into the model: all that evaluating it depends on. If there was none, it
  /// stays as it is.
  void restore(torch::nn::Module& model) const {
    const torch::NoGradGuard no_grad;
    for (auto items : {model.named_parameters(), model.named_buffers()}) {
      for (auto& item : items) {
        const auto found = best_.find(item.key());
        if (found != best_.end()) item.value().copy_(found->second);
      }
    }
  }

 private:
  double best_loss_ = std::numeric_limits<double>::infinity();
  std::map<std::string, torch::Tensor> best_;
};
