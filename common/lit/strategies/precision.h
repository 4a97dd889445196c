// Precision: the arithmetic of a run. The base is that of the module's own weights.
#pragma once

#include <torch/types.h>

#include <memory>
#include <string>

#include "serialize/value.h"

namespace torch::optim {
class Optimizer;
}

namespace lit {

/// Owned by the Strategy, which asks it around every forward pass, backward pass and step. Derive
/// from it for another arithmetic: autocast in forward_context(), a loss scale in scaled() and
/// unscale().
class PrecisionPlugin {
 public:
  virtual ~PrecisionPlugin() = default;

  /// What is in force while a step of the module runs; goes when it is over.
  class Context {
   public:
    virtual ~Context() = default;
  };
  virtual std::unique_ptr<Context> forward_context() { return nullptr; }
  /// The loss that backward() begins with.
  virtual torch::Tensor scaled(const torch::Tensor& loss) { return loss; }
  /// The gradients of an optimizer's parameters are there: takes the scale out of them, before they
  /// are looked at or clipped.
  virtual void unscale(torch::optim::Optimizer&) {}

  /// For checkpoints; empty: nothing.
  virtual course::Dict state_dict() const { return {}; }
  virtual void load_state_dict(const course::Dict&) {}
};

}  // namespace lit
