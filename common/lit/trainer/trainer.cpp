// Trainer: owns what outlives a run, and starts the runs.
#include "lit/trainer/trainer.h"

#include <spdlog/fmt/fmt.h>

#include <exception>
#include <utility>

#include "lit/callbacks/model_summary.h"
#include "lit/callbacks/progress_bar.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/loggers/tensorboard_logger.h"
#include "lit/run/callback_list.h"
#include "lit/run/held_run.h"
#include "lit/run/run.h"
#include "lit/run/run_config.h"
#include "lit/trainer/score_table.h"

namespace lit {
namespace {

using Fn = TrainerState::Fn;

// In a fast_dev_run the module's logger discards everything.
std::vector<std::shared_ptr<Logger>> loggers_for(const TrainerOptions& options) {
  const bool by_default = options.logger.use_default();
  if (options.fast_dev_run > 0) {
    if (!by_default && options.logger.list().empty()) return {};
    return {std::make_shared<DummyLogger>()};
  }
  if (!by_default) return options.logger.list();
  return {std::make_shared<TensorBoardLogger>(
      TensorBoardLoggerOptions{.save_dir = options.default_root_dir})};
}

void set_limits(Lasting& lasting, const TrainerOptions& resolved) {
  lasting.max_epochs = resolved.max_epochs;
  lasting.limits.max_steps = resolved.max_steps;
  lasting.limits.accumulate_grad_batches = resolved.accumulate_grad_batches;
}

}  // namespace

Trainer::Trainer(TrainerOptions options) : options_(std::move(options)) {
  check(options_);
  if (fast_dev_run()) {
    info(
        fmt::format("Running in fast_dev_run mode: will run the requested loop using {} "
                    "batch(es). Logging and checkpointing is suppressed.",
                    options_.fast_dev_run));
  }
  lasting_.loggers = loggers_for(options_);
  lasting_.profiler = make_profiler(options_.profiler);
  lasting_.strategy = options_.strategy != nullptr
                          ? options_.strategy
                          : make_strategy(options_.accelerator, options_.devices);
  if (options_.precision != nullptr) lasting_.strategy->set_precision(options_.precision);
  set_limits(lasting_, lit::resolved(options_));
  lasting_.callbacks = callbacks_for(options_);
  if (!lasting_.strategy->is_global_zero()) {  // the first process shows what there is to see
    std::erase_if(lasting_.callbacks, [](const auto& callback) {
      return std::dynamic_pointer_cast<ProgressBar>(callback) != nullptr ||
             std::dynamic_pointer_cast<ModelSummary>(callback) != nullptr;
    });
  }
}

Trainer::~Trainer() = default;

// --- Entry points -----------------------------------------------------------------------------

Run& Trainer::begin(Fn fn, ModuleRef module, DataModuleRef data) {
  if (module.module() == nullptr) {
    throw Error(fmt::format(
        "{} was given a module that is null, or an empty holder; make one with std::make_shared",
        name_of(fn)));
  }
  const auto refuse_unknown = [&](bool is_known, const char* base, const std::string& type) {
    if (is_known) return;
    throw Error(
        fmt::format("{} was given a {} as a {}, so its overridden hooks are unknown; pass it as "
                    "a std::shared_ptr<{}>, or let it override overridden_hooks()",
                    name_of(fn), type, base, type));
  };
  refuse_unknown(module.is_known(), "LightningModule", class_name(*module.module()));
  if (data.data_module() != nullptr) {
    refuse_unknown(data.is_known(), "LightningDataModule", class_name(*data.data_module()));
  }
  if (state().status == TrainerState::Status::running) {
    throw Error(
        fmt::format("{} was called while {} runs; call it afterwards, or use another Trainer",
                    name_of(fn), name_of(state().fn)));
  }
  run_.reset();  // first: both use what outlives a run
  run_ = std::make_unique<Run>(*this, lasting_, RunConfig{.options = resolved(options_), .fn = fn},
                               std::move(module), std::move(data));
  return *run_;
}

void Trainer::fit(ModuleRef module, Loaders train_dataloader, Loaders val_dataloaders,
                  FitOptions options) {
  begin(Fn::fit, std::move(module), {}).fit(train_dataloader, val_dataloaders, options.ckpt_path);
}

void Trainer::fit(ModuleRef module, DataModuleRef datamodule, FitOptions options) {
  begin(Fn::fit, std::move(module), std::move(datamodule)).fit({}, {}, options.ckpt_path);
}

void Trainer::fit_inside(const TrainerOptions& options) {
  check(options);
  Run& outer = run();
  if (!outer.takes_inner_fit()) {
    throw Error(
        "fit_inside was called where no fit can run inside of another; call it from on_fit_start, "
        "on_train_start or on_train_epoch_start");
  }
  RunConfig config{.options = resolved(options), .fn = Fn::fit};
  Lasting meanwhile;
  meanwhile.strategy = lasting_.strategy;
  meanwhile.callbacks = options.callbacks;
  if (!options.logger.use_default()) meanwhile.loggers = options.logger.list();
  set_limits(meanwhile, config.options);

  HeldRun held(module(), outer.checkpoints(), lasting_, std::move(meanwhile));
  std::unique_ptr<Run> waiting = std::exchange(run_, nullptr);
  std::exception_ptr error;
  try {
    const Owners& owners = outer.owners();
    run_ = std::make_unique<Run>(*this, lasting_, std::move(config), owners.module, owners.data,
                                 &outer);
    run_->fit_inside();
  } catch (...) {
    error = std::current_exception();
  }
  run_ = std::move(waiting);
  if (!error) return held.put_back();
  only_warn("fit_inside", [&] { held.put_back(); });
  std::rethrow_exception(error);
}

std::vector<Scores> Trainer::validate(ModuleRef module, Loaders dataloaders,
                                      EvaluateOptions options) {
  return evaluate(Fn::validate, std::move(module), {}, dataloaders, options);
}
std::vector<Scores> Trainer::validate(ModuleRef module, DataModuleRef datamodule,
                                      EvaluateOptions options) {
  return evaluate(Fn::validate, std::move(module), std::move(datamodule), {}, options);
}
std::vector<Scores> Trainer::test(ModuleRef module, Loaders dataloaders, EvaluateOptions options) {
  return evaluate(Fn::test, std::move(module), {}, dataloaders, options);
}
std::vector<Scores> Trainer::test(ModuleRef module, DataModuleRef datamodule,
                                  EvaluateOptions options) {
  return evaluate(Fn::test, std::move(module), std::move(datamodule), {}, options);
}

std::vector<Scores> Trainer::evaluate(Fn fn, ModuleRef module, DataModuleRef data,
                                      const Loaders& loaders, const EvaluateOptions& options) {
  const std::vector<Scores> scores =
      begin(fn, std::move(module), std::move(data)).evaluate(loaders, options.ckpt_path);
  if (options.verbose && strategy().is_global_zero()) print_scores(fn == Fn::test, scores);
  return scores;
}

std::vector<std::vector<Batch>> Trainer::predict(ModuleRef module, Loaders dataloaders,
                                                 PredictOptions options) {
  return begin(Fn::predict, std::move(module), {})
      .predict(dataloaders, options.return_predictions, options.ckpt_path);
}
std::vector<std::vector<Batch>> Trainer::predict(ModuleRef module, DataModuleRef datamodule,
                                                 PredictOptions options) {
  return begin(Fn::predict, std::move(module), std::move(datamodule))
      .predict({}, options.return_predictions, options.ckpt_path);
}

// --- What can be changed ----------------------------------------------------------------------

void Trainer::set_max_epochs(int64_t epochs) {
  TrainerOptions changed = options_;
  changed.max_epochs = epochs;
  check(changed);
  lasting_.max_epochs = lasting_.limits.max_epochs = epochs;
}

void Trainer::set_max_steps(int64_t steps) {
  TrainerOptions changed = options_;
  changed.max_steps = steps;
  check(changed);
  lasting_.limits.max_steps = steps;
}

void Trainer::set_accumulate_grad_batches(int64_t batches) {
  TrainerOptions changed = options_;
  changed.accumulate_grad_batches = batches;
  check(changed);
  lasting_.limits.accumulate_grad_batches = batches;
}

// --- What can be asked ------------------------------------------------------------------------

Run& Trainer::run() const {
  if (run_ == nullptr) {
    throw Error("the Trainer has no module; it gets one from fit, validate, test or predict");
  }
  return *run_;
}

namespace {

const LoggedMetrics kNothingLogged;
const std::shared_ptr<LightningDataModule> kNoDataModule;
const std::filesystem::path kNoPath;

}  // namespace

LightningModule& Trainer::module() const {
  return *run().owners().module.module();
}

const std::shared_ptr<LightningDataModule>& Trainer::datamodule() const {
  return run_ == nullptr ? kNoDataModule : run_->owners().data.data_module();
}

const std::vector<std::shared_ptr<Callback>>& Trainer::callbacks() const {
  return run_ == nullptr ? lasting_.callbacks : run_->owners().callbacks;
}

bool Trainer::is_overridden(Hook hook) const {
  return run_ != nullptr && run_->owners().module.hooks().has(hook);
}

const LoggedMetrics& Trainer::callback_metrics() const {
  return run_ == nullptr ? kNothingLogged : run_->log_session().callback_metrics();
}
const LoggedMetrics& Trainer::logged_metrics() const {
  return run_ == nullptr ? kNothingLogged : run_->log_session().logged_metrics();
}
const LoggedMetrics& Trainer::progress_bar_metrics() const {
  return run_ == nullptr ? kNothingLogged : run_->log_session().progress_bar_metrics();
}

bool Trainer::should_update_logs() const {
  return run().log_session().is_due();
}

void Trainer::log_metrics(const LoggedMetrics& metrics, int64_t step, bool for_monitors) {
  run().log_session().log_metrics(metrics, step, for_monitors);
}

bool Trainer::enable_validation() const {
  return run_ != nullptr && run_->enable_validation();
}

bool Trainer::validation_is_due() const {
  return run().validation_is_due();
}

bool Trainer::predict_loader_shuffles(int64_t dataloader_idx) const {
  return run().prediction().loaders()[static_cast<size_t>(dataloader_idx)]->shuffles();
}

int64_t Trainer::estimated_stepping_batches() {
  return run().estimated_stepping_batches();
}

void Trainer::save_checkpoint(const std::filesystem::path& path, bool weights_only) {
  const Profiler::Scope saving = run().timed("save_checkpoint");
  run().checkpoints().save(path, weights_only);
}

const std::filesystem::path& Trainer::ckpt_path() const {
  return run_ == nullptr ? kNoPath : run_->checkpoints().ckpt_path();
}

std::filesystem::path Trainer::log_dir() const {
  return folder_of(loggers(), options_.default_root_dir);
}

}  // namespace lit
