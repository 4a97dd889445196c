// BaseFinetuning, BackboneFinetuning: parts of a module that are frozen at first.
#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lit/callbacks/callback.h"

namespace lit {

/// Derive from it to say what is frozen before training, and what is let go when:
///
///     class HeadFirst : public lit::BaseFinetuning {
///       void freeze_before_training(lit::LightningModule& module) override {
///         freeze({module.named_children()["body"]});
///       }
///       void finetune_function(lit::LightningModule& module, int64_t epoch,
///                              torch::optim::Optimizer& optimizer) override {
///         if (epoch == 5) unfreeze_and_add_param_group({module.named_children()["body"]},
///         optimizer);
///       }
///     };
///
/// configure_optimizers() should be given what can be trained, trainable(parameters()); what is let
/// go later comes to the optimizer as a parameter group of its own. The groups are kept in a
/// checkpoint, and made again before the optimizer's state is loaded.
class BaseFinetuning : public Callback {
 public:
  using Modules = std::vector<std::shared_ptr<torch::nn::Module>>;

  /// Called once, at the setup of a fit: before configure_optimizers().
  virtual void freeze_before_training(LightningModule& module) = 0;
  /// Called at the start of each training epoch, for each optimizer.
  virtual void finetune_function(LightningModule& module, int64_t epoch,
                                 torch::optim::Optimizer& optimizer) = 0;

  /// Those that get a gradient: for configure_optimizers().
  static std::vector<torch::Tensor> trainable(const std::vector<torch::Tensor>& parameters);

  void setup(Trainer& trainer, LightningModule& module, const std::string& stage) override;
  void on_fit_start(Trainer& trainer, LightningModule& module) override;
  void on_train_epoch_start(Trainer& trainer, LightningModule& module) override;
  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;

 protected:
  /// The parameters of these modules, and of all inside of them, get no gradient. Batch
  /// normalisations are left trainable with `train_bn`; without it their running statistics stand
  /// still as well.
  void freeze(const Modules& modules, bool train_bn = true);
  /// The reverse.
  void make_trainable(const Modules& modules);
  /// Makes modules trainable, and gives those of their parameters that the optimizer does not have
  /// yet to it, as a new group with the options of its first.
  /// @param lr  of the group; by default that of the first group, divided by initial_denom_lr
  void unfreeze_and_add_param_group(const Modules& modules, torch::optim::Optimizer& optimizer,
                                    std::optional<double> lr = std::nullopt,
                                    double initial_denom_lr = 10, bool train_bn = true);

 private:
  // The groups of each optimizer as Python keeps them: its options, and its params by name.
  using Groups = std::map<int64_t, course::List>;
  void keep_groups(const LightningModule& module, const torch::optim::Optimizer& optimizer,
                   course::List& kept) const;
  void add_groups(Trainer& trainer, LightningModule& module);
  void add_group(torch::optim::Optimizer& optimizer, std::vector<torch::Tensor> parameters,
                 double lr);

  // Batch norms, with their own momentum.
  std::map<const torch::nn::Module*, std::optional<double>> stilled_;
  std::set<std::string> unfrozen_;  // modules by name
  Groups groups_;
  bool restored_ = false, only_added_ = false;  // of the groups: those that came later alone
};

/// Lightning's arguments.
struct BackboneFinetuningOptions {
  int64_t unfreeze_backbone_at_epoch = 10;
  /// By what the backbone's rate is multiplied at each later epoch; given epoch + 1.
  std::function<double(int64_t epoch)> lambda_func = [](int64_t) { return 2.0; };
  double backbone_initial_ratio_lr = 0.1;  ///< its first rate, as a share of the main one
  std::optional<double> backbone_initial_lr = std::nullopt;  ///< or its first rate itself
  bool should_align = true;  ///< stop multiplying when it has reached the main rate
  double initial_denom_lr = 10;
  bool train_bn = true;
  bool verbose = false;  ///< reports the rates of each epoch
};

/// Trains everything but the module's part `backbone` first, and the backbone from some epoch on,
/// with a rate that starts low and rises to that of the rest.
class BackboneFinetuning : public BaseFinetuning {
 public:
  using Options = BackboneFinetuningOptions;
  explicit BackboneFinetuning(Options options = {});

  /// @throws Error if the module has no part that is registered as "backbone"
  void freeze_before_training(LightningModule& module) override;
  void finetune_function(LightningModule& module, int64_t epoch,
                         torch::optim::Optimizer& optimizer) override;
  course::Dict state_dict() const override;
  void load_state_dict(const course::Dict& state) override;

 private:
  Options options_;
  double previous_backbone_lr_ = 0;
};

}  // namespace lit
