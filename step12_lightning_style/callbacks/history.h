// A callback of one's own: what each epoch came to, to be drawn when the run is over.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lit/callbacks/callback.h"
#include "plot/curves.h"

// region history
/// Keeps the metrics of every epoch, whatever the model is. It is in the checkpoint, so a resumed
/// run has its curves from the first epoch on.
class History : public lit::Callback {
 public:
  /// @param metrics names of what is logged for an epoch: "train_loss", "val_loss"
  explicit History(std::vector<std::string> metrics);

  void on_train_epoch_end(lit::Trainer& trainer, lit::LightningModule& module) override;
  bool is_monitor() const override { return true; }  // runs behind the module, which may log more

  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;

  /// A curve for each metric, over the epochs, which are counted from 0.
  const std::vector<course::Curve>& curves() const { return curves_; }

 private:
  std::vector<course::Curve> curves_;
};
// endregion
