// NaNGuard: a loss or a gradient that is no number does not get into the weights.
#pragma once

#include <string>

#include "lit/callbacks/callback.h"

namespace lit {

struct NaNGuardOptions {
  /// What to do when the loss or a gradient is NaN or infinite: "raise" an Error; "skip" the
  /// optimizer's step, so that weights stay as they are; or "stop" training after this batch, with
  /// the weights as they are.
  std::string action = "raise";
  /// With "skip": after so many in a row it raises.
  int64_t max_skipped = 10;
  /// Look at every so many optimizer steps. 0: at each on the CPU; on an accelerator, where looking
  /// means waiting, at those that are logged.
  int64_t every_n_steps = 0;
};

/// Looks at the loss and all gradients before they are clipped and used. The message names the
/// first parameter whose gradient is not finite. (Trainer's detect_anomaly finds the operation that
/// made it, and is far slower.)
class NaNGuard : public Callback {
 public:
  using Options = NaNGuardOptions;
  /// @throws Error for an action that is not one
  explicit NaNGuard(Options options = {});

  /// Steps left out so far.
  int64_t skipped() const { return skipped_; }

  void on_train_batch_start(Trainer& trainer, LightningModule& module, const Batch& batch,
                            int64_t batch_idx) override;
  void on_before_backward(Trainer& trainer, LightningModule& module,
                          const torch::Tensor& loss) override;
  void on_before_optimizer_step(Trainer& trainer, LightningModule& module,
                                torch::optim::Optimizer& optimizer) override;
  course::Dict state_dict() const override {
    return {{"skipped", skipped_}, {"in_a_row", in_a_row_}};
  }
  void load_state_dict(const course::Dict& state) override;

 private:
  Options options_;
  int64_t batch_idx_ = 0, skipped_ = 0, in_a_row_ = 0;
  torch::Tensor loss_;
};

}  // namespace lit
