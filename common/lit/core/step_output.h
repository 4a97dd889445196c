// What a step returns: the loss, and whatever else the hooks behind it shall see.
#pragma once

#include <torch/types.h>

#include <string>
#include <utility>
#include <vector>

namespace lit {

/// Named tensors, in their order.
using Outputs = std::vector<std::pair<std::string, torch::Tensor>>;

/// Made from the loss by itself (`return loss;`), or from the loss and named tensors
/// (`return {loss, {{"preds", preds}, {"labels", labels}}};`). `return {};` is Python's
/// `return None`: the batch has no loss, and no backward.
struct StepOutput {
  StepOutput() = default;
  StepOutput(torch::Tensor the_loss) : loss(std::move(the_loss)) {}
  StepOutput(torch::Tensor the_loss, Outputs more)
      : loss(std::move(the_loss)), outputs(std::move(more)) {}

  torch::Tensor loss;  ///< 0-dim and with a graph from training_step; undefined: none
  Outputs outputs;

  bool empty() const { return !loss.defined() && outputs.empty(); }
};

}  // namespace lit
