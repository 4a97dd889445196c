// GradientNormMonitor: how large the gradients are, to the loggers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "lit/callbacks/callback.h"
#include "lit/core/logging.h"

namespace lit {

/// The norm of each parameter's gradient, in the order of the parameters, and of all of them
/// together, under Lightning's names (its grad_norm()): "grad_2.0_norm/layer.weight" and
/// "grad_2.0_norm_total". Does not wait for the device. Empty if there is no gradient.
/// @param norm_type  above 0; infinity is the largest number
std::vector<std::pair<std::string, LogValue>> grad_norm(const torch::nn::Module& module,
                                                        double norm_type = 2,
                                                        const std::string& group_separator = "/");

struct GradientNormMonitorOptions {
  double norm_type = 2;
  bool per_parameter = false;  ///< the norm of each parameter's, too
  /// Show the total in the progress bar; then it is computed in every step, not only in those that
  /// are logged.
  bool prog_bar = false;
};

/// Logs them before each step of the optimizer that loggers get: what backward has made, before
/// gradient_clip_val makes it smaller.
class GradientNormMonitor : public Callback {
 public:
  using Options = GradientNormMonitorOptions;
  /// @throws Error unless norm_type is above 0
  explicit GradientNormMonitor(Options options = {});

  void on_before_optimizer_step(Trainer& trainer, LightningModule& module,
                                torch::optim::Optimizer& optimizer) override;

 private:
  Options options_;
};

}  // namespace lit
