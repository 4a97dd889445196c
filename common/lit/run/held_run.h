// A run that waits while another fit runs inside of it.
#pragma once

#include <torch/types.h>

#include <memory>
#include <vector>

#include "lit/checkpoint/checkpoints.h"
#include "lit/core/module.h"
#include "lit/core/random_state.h"
#include "lit/metrics/metric.h"
#include "lit/run/lasting.h"
#include "lit/run/modes.h"
#include "serialize/value.h"

namespace lit {

/// Keeps what the inner fit changes, as a Dict in memory: the module's tensors with their gradients
/// and modes, its metrics, what its hooks and the data module keep in a checkpoint, the random
/// streams, and all that is Lasting. put_back() makes it as it was, to the bit.
class HeldRun {
 public:
  /// @param lasting    gets the values of `meanwhile`
  HeldRun(LightningModule& module, Checkpoints& checkpoints, Lasting& lasting, Lasting meanwhile);

  void put_back();

 private:
  struct OfParameter {
    torch::Tensor parameter, gradient;
    bool requires_grad;
  };
  struct OfMetric {
    std::shared_ptr<Metric> metric;
    course::Value state;  // none: it had not been updated
  };

  Checkpoints& checkpoints_;
  Lasting& lasting_;
  Lasting held_;
  KeepRandomState random_;
  Modes modes_;
  course::Dict snapshot_;
  std::vector<OfParameter> parameters_;
  std::vector<OfMetric> metrics_;
};

}  // namespace lit
