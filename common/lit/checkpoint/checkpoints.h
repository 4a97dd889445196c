// A whole run as a dict, and back: what a checkpoint holds, in Lightning's layout and order.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lit/checkpoint/fit_state.h"
#include "lit/core/optimizers.h"
#include "lit/run/hooks.h"
#include "lit/run/run_config.h"
#include "lit/strategies/strategy.h"
#include "serialize/value.h"

namespace lit {

class Checkpoints {
 public:
  struct Parts {
    Hooks& hooks;
    const Owners& owners;
    OptimizerList& optimizers;
    Strategy& strategy;
    Progress& progress;
    const Limits& limits;
    const RunConfig& config;
    FitState::Parts fit;
    /// What "last" may mean: the files that callbacks keep for it.
    std::function<std::vector<std::filesystem::path>()> last_files;
  };

  explicit Checkpoints(const Parts& parts) : parts_(parts) {}

  /// All that the run is: Lightning's keys, from state_dict to what the hooks add.
  course::Dict snapshot(bool weights_only);
  /// @throws Error if it cannot be written; what was there before is unchanged
  void save(const std::filesystem::path& path, bool weights_only) {
    parts_.strategy.save_checkpoint(snapshot(weights_only), path);
  }

  /// Reads the file that a run is to begin with, if any: a path, "last" or "best".
  /// @throws Error if it cannot be had
  void open(std::string ckpt_path);
  /// What of a snapshot is in the module and the data module. @throws Error if it does not fit
  void restore_module(course::Dict& snapshot);
  /// After setup: weights, data module, callbacks.
  void restore_modules_and_callbacks();
  /// For fit, after on_fit_start: optimizers, schedulers, progress.
  /// @returns where it goes on; none: it begins
  std::optional<ResumePoint> restore_training_state();

  /// The file the run began with; empty: none.
  const std::filesystem::path& ckpt_path() const { return path_; }

 private:
  std::filesystem::path resolve(const std::string& ckpt_path) const;
  std::filesystem::path last() const;
  std::filesystem::path best() const;
  bool resumes_by_itself() const;
  void restore_callbacks();
  void restore_optimizer(torch::optim::Optimizer& optimizer, const course::Dict& state);
  static void restore_scheduler(LRScheduler& scheduler, const course::Dict& state);
  course::Value state_of(const torch::optim::Optimizer& optimizer);
  course::List with_schedulers(const torch::optim::Optimizer& optimizer, course::List groups) const;

  Parts parts_;
  std::filesystem::path path_;
  std::optional<course::Dict> checkpoint_;
  bool told_of_optimizer_ = false;
};

}  // namespace lit
