// OnExceptionCheckpoint: a run that is cut short leaves a file to go on from.
#pragma once

#include <filesystem>
#include <string>

#include "lit/callbacks/callback.h"

namespace lit {

struct OnExceptionCheckpointOptions {
  std::filesystem::path dirpath = {};  ///< must be given
  std::string filename = "on_exception";
};

/// Writes dirpath/filename.ckpt when a fit ends by an exception: Ctrl-C, SIGTERM, a mistake. The
/// next fit resumes from there by itself, without a ckpt_path; one that succeeds removes the file.
/// A fit that has not trained a batch of its own, and a fast_dev_run, leave the file alone.
class OnExceptionCheckpoint : public Callback {
 public:
  using Options = OnExceptionCheckpointOptions;
  /// @throws Error without dirpath or filename
  explicit OnExceptionCheckpoint(Options options);

  std::filesystem::path ckpt_path() const;
  bool is_checkpoint() const override { return true; }
  void on_exception(Trainer& trainer, LightningModule& module, const std::exception& what) override;
  void teardown(Trainer& trainer, LightningModule& module, const std::string& stage) override;

 private:
  Options options_;
};

}  // namespace lit
