// WeightAveraging, EMAWeightAveraging: validate with, and keep, an average of the weights.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lit/callbacks/callback.h"

namespace lit {

struct WeightAveragingOptions {
  bool use_buffers = true;  ///< average buffers too (those of whole numbers are copied)
  /// Where the averages are kept; by default with the weights.
  std::optional<torch::Device> device = std::nullopt;
};

/// Keeps the mean of the weights after every optimizer step. Validation sees the averages, and when
/// training has ended they are the module's weights. As long as nothing was averaged, the weights
/// are what they are. Override should_update() and average() for another rule.
///
/// In a checkpoint `state_dict` holds the averages, so that whoever loads it gets these; the
/// weights that training goes on with are beside it, as `current_model_state`. (One of weights only
/// holds the latter, as in Lightning.)
class WeightAveraging : public Callback {
 public:
  using Options = WeightAveragingOptions;
  explicit WeightAveraging(Options options = {}) : options_(options) {}

  int64_t n_averaged() const { return n_averaged_; }

  void setup(Trainer& trainer, LightningModule& module, const std::string& stage) override;
  void on_train_start(Trainer& trainer, LightningModule& module) override;
  void on_train_batch_end(Trainer& trainer, LightningModule& module, const StepOutput& outputs,
                          const Batch& batch, int64_t batch_idx) override;
  void on_train_epoch_end(Trainer& trainer, LightningModule& module) override;
  void on_train_end(Trainer& trainer, LightningModule& module) override;
  void on_validation_epoch_start(Trainer& trainer, LightningModule& module) override;
  void on_validation_epoch_end(Trainer& trainer, LightningModule& module) override;
  void on_exception(Trainer& trainer, LightningModule& module, const std::exception& what) override;

  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;
  void on_save_checkpoint(Trainer& trainer, LightningModule& module,
                          course::Dict& checkpoint) override;
  void on_load_checkpoint(Trainer& trainer, LightningModule& module,
                          const course::Dict& checkpoint) override;

 protected:
  /// Are the weights after this step (a training epoch) to be averaged in? One of the two is given.
  virtual bool should_update(std::optional<int64_t> step_idx, std::optional<int64_t> epoch_idx);
  /// Takes floating-point weights into the averages, of which there have been `n_averaged` (1 or
  /// more: the first ones are copied).
  virtual void average(const std::vector<torch::Tensor>& averages,
                       const std::vector<torch::Tensor>& weights, int64_t n_averaged);

 private:
  std::vector<torch::Tensor> weights_of(const LightningModule& module) const;
  std::vector<std::vector<std::string>> names_of(const LightningModule& module) const;
  void update(LightningModule& module);
  void swap(LightningModule& module);

  Options options_;
  std::vector<torch::Tensor> averages_;
  int64_t n_averaged_ = 0, latest_step_ = 0;
  bool swapped_ = false;
};

/// Lightning's arguments.
struct EMAWeightAveragingOptions {
  double decay = 0.999;              ///< average = decay * average + (1 - decay) * weights
  int64_t update_every_n_steps = 1;  ///< 0: not after steps, only after epochs
  std::optional<int64_t> update_starting_at_step = std::nullopt;
  std::optional<int64_t> update_starting_at_epoch = std::nullopt;  ///< also after these epochs
  bool use_buffers = true;
  std::optional<torch::Device> device = std::nullopt;
};

/// An exponential moving average.
class EMAWeightAveraging : public WeightAveraging {
 public:
  using Options = EMAWeightAveragingOptions;
  /// @throws Error for an option out of range
  explicit EMAWeightAveraging(Options options = {});

 protected:
  bool should_update(std::optional<int64_t> step_idx, std::optional<int64_t> epoch_idx) override;
  void average(const std::vector<torch::Tensor>& averages,
               const std::vector<torch::Tensor>& weights, int64_t n_averaged) override;

 private:
  Options ema_;
};

}  // namespace lit
