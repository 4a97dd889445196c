// A run that waits while another fit runs inside of it.
#include "lit/run/held_run.h"

#include <utility>

#include "serialize/parameters.h"
#include "serialize/state_dict.h"

namespace lit {

HeldRun::HeldRun(LightningModule& module, Checkpoints& checkpoints, Lasting& lasting,
                 Lasting meanwhile)
    : checkpoints_(checkpoints),
      lasting_(lasting),
      random_(lasting.strategy->root_device()),
      snapshot_(course::cloned(checkpoints.snapshot(/*weights_only=*/false)).as_dict()) {
  modes_.save(module);
  for (const torch::Tensor& parameter : module.parameters()) {
    parameters_.push_back({parameter, parameter.grad(), parameter.requires_grad()});
    parameter.mutable_grad() = torch::Tensor();
  }
  for (const auto& part : module.modules()) {
    if (auto metric = std::dynamic_pointer_cast<Metric>(part)) {
      const bool has_state = metric->update_called();
      metrics_.push_back(
          {metric, has_state ? course::cloned(metric->state_dict()) : course::Value()});
    }
  }
  held_ = std::exchange(lasting_, std::move(meanwhile));
}

void HeldRun::put_back() {
  lasting_ = std::move(held_);
  for (const auto& [metric, state] : metrics_) {
    metric->reset();
    if (!state.is_none()) metric->load_state_dict(state.as_dict());
  }
  checkpoints_.restore_module(snapshot_);
  for (auto& [parameter, gradient, requires_grad] : parameters_) {
    parameter.requires_grad_(requires_grad);
    parameter.mutable_grad() = gradient;
  }
  modes_.restore();
}

}  // namespace lit
