// One call of fit, validate, test or predict, from attaching a module to its teardown.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "lit/checkpoint/checkpoints.h"
#include "lit/core/module_run.h"
#include "lit/loops/evaluation_loop.h"
#include "lit/loops/fit_loop.h"
#include "lit/loops/prediction_loop.h"
#include "lit/loops/training_data.h"
#include "lit/run/attachment.h"
#include "lit/run/data.h"
#include "lit/run/hooks.h"
#include "lit/run/lasting.h"
#include "lit/run/log_session.h"
#include "lit/run/modes.h"
#include "lit/run/optimization.h"
#include "lit/run/run_config.h"

namespace lit {

/// A run stays alive until the next one begins, so that the Trainer's accessors work after it.
class Run : public ModuleRun {
 public:
  /// @param trainer  passed to the callbacks' hooks
  /// @param outer    the run that this one is inside of; nullptr: none
  Run(Trainer& trainer, Lasting& lasting, RunConfig config, ModuleRef module, DataModuleRef data,
      Run* outer = nullptr);
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  void fit(const Loaders& train, const Loaders& val, const std::string& ckpt_path);
  /// A fit without setup and teardown, which are the outer run's, and with the loaders that it was
  /// given.
  void fit_inside();
  /// @returns what was logged for the epoch, for each loader
  std::vector<Scores> evaluate(const Loaders& loaders, const std::string& ckpt_path);
  /// @returns for each loader the outputs of its batches; nothing unless `keep`
  std::vector<std::vector<Batch>> predict(const Loaders& loaders, bool keep,
                                          const std::string& ckpt_path);

  // For the module.
  Trainer& trainer() override { return trainer_; }
  const Progress& progress() const override { return lasting_.progress; }
  torch::Device device() const override { return lasting_.strategy->root_device(); }
  Logger* logger() const override {
    return lasting_.loggers.empty() ? nullptr : lasting_.loggers.front().get();
  }
  void log(const std::string& name, const LogValue& value, const LogOptions& options) override {
    log_.log(name, value, options);
  }
  void log(const std::string& name, const std::shared_ptr<Metric>& metric,
           const LogOptions& options) override {
    log_.log(name, metric, options);
  }
  OptimizerList& optimizers() override { return lasting_.optimizers; }
  void manual_backward(const torch::Tensor& loss) override;
  void restore_modes() override { modes_.restore(); }

  // For the Trainer's accessors.
  const RunConfig& config() const { return config_; }
  const Owners& owners() const { return owners_; }
  LogSession& log_session() { return log_; }
  Checkpoints& checkpoints() { return checkpoints_; }
  const PredictionLoop& prediction() const { return prediction_; }
  /// Whether a fit can run inside of this one: no batch of an epoch is trained yet.
  bool takes_inner_fit() const;
  /// Whether fit validates at all, and whether a validation follows the current batch.
  bool enable_validation() const;
  bool validation_is_due() const { return fit_loop_.validation_is_due(); }
  int64_t estimated_stepping_batches();
  /// Times a part of the run that is not a hook.
  Profiler::Scope timed(const char* action) const { return hooks_.timed(action); }

 private:
  template <typename Body>
  void execute(const std::string& ckpt_path, Body&& body);
  void check_configuration() const;
  void resolve_limits();
  std::optional<ResumePoint> set_up();
  void log_hyperparams() const;
  void tear_down();
  void fail(const std::exception& error);
  EvaluationLoop::Parts parts_of_evaluation(EvaluationCounts& counts,
                                            std::vector<int64_t>& batches);

  Trainer& trainer_;
  Run* outer_;
  Lasting& lasting_;
  RunConfig config_;
  Owners owners_;
  Moment moment_;
  Modes modes_;
  Hooks hooks_;
  Data data_;
  std::vector<std::shared_ptr<Logger>> loggers_;  // empty in all processes but the first
  LogSession log_;
  Optimization optimization_;
  TrainingData training_data_;
  EvaluationCounts evaluation_counts_;  // of validate() and test()
  EvaluationLoop validation_, evaluation_;
  PredictionLoop prediction_;
  FitLoop fit_loop_;
  Checkpoints checkpoints_;
  Attachment attachment_;
};

}  // namespace lit
