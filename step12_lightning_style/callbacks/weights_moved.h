// The same small feature twice: how far an epoch has moved the weights.
#pragma once

#include <torch/torch.h>

#include <cmath>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit_classifier.h"

// region distance
using Parameters = std::vector<torch::Tensor>;

inline Parameters copy_of(const Parameters& parameters) {
  Parameters copies;
  for (const torch::Tensor& one : parameters) copies.push_back(one.detach().clone());
  return copies;
}

// The 2-norm of all differences. The device is waited for once.
inline double distance(const Parameters& before, const Parameters& now) {
  Parameters sums;
  for (size_t i = 0; i < now.size(); ++i) {
    sums.push_back((now[i].detach() - before[i]).square().sum());
  }
  return std::sqrt(torch::stack(sums).cpu().to(torch::kFloat64).sum().item<double>());
}
// endregion

// region as_hook
// For this one model, as hooks: it is a part of the model's logic.
class WatchedClassifier : public LitClassifier {
 public:
  using LitClassifier::LitClassifier;

  void on_train_epoch_start() override {
    LitClassifier::on_train_epoch_start();  // it has a hook there, too
    before_ = copy_of(parameters());
  }
  void on_train_epoch_end() override { log("moved", distance(before_, parameters())); }

 private:
  Parameters before_;
};
// endregion

// region as_callback
// For any model, as a callback: it is given the module, and the module knows nothing of it.
class WeightsMoved : public lit::Callback {
 public:
  void on_train_epoch_start(lit::Trainer&, lit::LightningModule& module) override {
    before_ = copy_of(module.parameters());
  }
  void on_train_epoch_end(lit::Trainer&, lit::LightningModule& module) override {
    module.log("moved_callback", distance(before_, module.parameters()));
  }

 private:
  Parameters before_;
};
// endregion
