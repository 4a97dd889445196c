// CheckpointConnector: a whole run as one file, and back.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/value.h"

namespace lit {

/// Puts together what a checkpoint holds, and gives everybody theirs back, in Lightning's order.
class CheckpointConnector {
 public:
  explicit CheckpointConnector(Trainer& trainer) : trainer_(trainer) {}

  /// All that the run is: Lightning's keys, from state_dict to what the hooks add.
  course::Dict dump(bool weights_only);
  void save(const std::filesystem::path& path, bool weights_only);

  /// Reads the file that a run is to begin with, if any. @throws Error if it cannot be had
  void open(std::string ckpt_path);
  /// After setup: weights, data module, callbacks.
  void restore_modules_and_callbacks();
  /// For fit, after on_fit_start: optimizers, schedulers, progress.
  void restore_training_state();

  /// The file the run began with; empty: none.
  const std::filesystem::path& ckpt_path() const { return path_; }

 private:
  std::filesystem::path resolve(const std::string& ckpt_path) const;
  std::filesystem::path last() const;
  void restore_callbacks();
  void restore_optimizer(torch::optim::Optimizer& optimizer, const course::Dict& state);
  static void restore_scheduler(LRScheduler& scheduler, const course::Dict& state);
  course::Value state_of(const torch::optim::Optimizer& optimizer);
  course::List with_schedulers(const torch::optim::Optimizer& optimizer, course::List groups) const;

  Trainer& trainer_;
  std::filesystem::path path_;
  std::optional<course::Dict> checkpoint_;
  bool told_of_optimizer_ = false;
};

/// "PATH cannot be loaded: WHAT", where `what` may carry text of the file: a terminal shows it, and
/// does nothing else.
std::string about_checkpoint(const std::filesystem::path& path, const std::string& cannot,
                             const std::exception& error);

/// Runs what a run does to go on from a checkpoint: its errors name the file, if there is one.
template <typename Action>
void go_on_with(const std::filesystem::path& path, Action&& action) {
  try {
    action();
  } catch (const course::Error& error) {
    if (path.empty()) throw;
    throw Error(about_checkpoint(path, "be gone on with", error));
  }
}

/// Copies the weights in `state` into a module; see LightningModule::strict_loading.
void load_weights(torch::nn::Module& module, const course::Dict& state, bool strict);

}  // namespace lit
