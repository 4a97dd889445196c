// The train loader of a fit: requested when needed, limited, and iterated.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "lit/loops/fetcher.h"
#include "lit/run/data.h"
#include "lit/run/hooks.h"
#include "lit/run/progress.h"
#include "lit/run/run_config.h"

namespace lit {

class TrainingData {
 public:
  /// @param has_loggers  whether to warn of epochs shorter than log_every_n_steps
  /// @param batches      receives the number of batches in an epoch, after all limits
  TrainingData(Hooks& hooks, const Data& data, const RunConfig& config, const Progress& progress,
               bool has_loggers, int64_t& batches)
      : hooks_(hooks),
        data_(data),
        config_(config),
        progress_(progress),
        has_loggers_(has_loggers),
        batches_(batches) {}

  /// Sets the loaders passed to fit().
  void use(const Loaders& given) { given_ = given; }
  const Loaders& given() const { return given_; }
  /// Requests the loader, once, and again every reload_dataloaders_every_n_epochs.
  void load_if_needed();

  /// @param keeps_state  whether a checkpoint may be written in the middle of the epoch
  void begin_epoch(bool keeps_state);
  /// Continues in the middle of an epoch: at the loader's own `position`, or, without one, after
  /// progress.batches_done batches.
  void resume_epoch(bool keeps_state, const course::Dict* position,
                    const std::filesystem::path& ckpt_path);
  std::optional<Batch> next();
  bool is_last() const { return fetcher_.is_last(); }

  int64_t batches() const { return batches_; }
  /// Batches between validations; kUnlimited: at the end of an epoch, or by time.
  int64_t val_check_batches() const { return val_check_batches_; }

  bool is_loaded() const { return loader_ != nullptr; }
  /// Number of batches fetched in this epoch.
  int64_t fetched() const { return fetcher_.count(); }
  /// The loader's position; `again`: as if the last batch had not been fetched.
  course::Dict state_dict(bool again) const { return fetcher_.state(again); }

 private:
  void find_val_check_batches();
  void pass_over_batches();

  Hooks& hooks_;
  const Data& data_;
  const RunConfig& config_;
  const Progress& progress_;
  bool has_loggers_;
  int64_t& batches_;

  Loaders given_;
  std::shared_ptr<Loader> loader_;
  Fetcher fetcher_;
  int64_t loaded_in_epoch_ = 0;
  int64_t val_check_batches_ = kUnlimited;
};

}  // namespace lit
