// One call of fit, validate, test or predict, from attaching a module to its teardown.
#include "lit/run/run.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <utility>

#include "lit/callbacks/gradient_accumulation_scheduler.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/callbacks/timer.h"
#include "lit/core/memory_format.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/run/callback_list.h"
#include "lit/run/environment.h"
#include "terminal/interrupt.h"

namespace lit {
namespace {

using Fn = TrainerState::Fn;
using Stage = TrainerState::Stage;

// What "last" may mean: what those callbacks say that keep a newest file.
std::vector<std::filesystem::path> last_files(const Trainer& trainer, const Callbacks& callbacks) {
  std::vector<std::filesystem::path> files;
  for (const auto& callback : callbacks) {
    if (const auto one = std::dynamic_pointer_cast<ModelCheckpoint>(callback)) {
      for (const auto& path : one->last_checkpoints(trainer)) files.push_back(path);
    } else if (const auto other = std::dynamic_pointer_cast<OnExceptionCheckpoint>(callback)) {
      files.push_back(other->ckpt_path());
    }
  }
  return files;
}

}  // namespace

Run::Run(Trainer& trainer, Lasting& lasting, RunConfig config, ModuleRef module, DataModuleRef data,
         Run* outer)
    : trainer_(trainer),
      outer_(outer),
      lasting_(lasting),
      config_(std::move(config)),
      owners_{std::move(module), std::move(data), lasting.callbacks},
      hooks_(trainer, owners_, moment_, *lasting.strategy, lasting.profiler.get(),
             config_.options.trace_hooks),
      data_(hooks_, config_, *lasting.strategy),
      loggers_(lasting.strategy->is_global_zero() ? lasting.loggers
                                                  : std::vector<std::shared_ptr<Logger>>()),
      log_(moment_, lasting.state, lasting.progress, lasting.limits,
           config_.options.log_every_n_steps, loggers_, *owners_.module.module()),
      optimization_(hooks_, config_, *lasting.strategy, lasting.progress, lasting.optimizers),
      training_data_(hooks_, data_, config_, lasting.progress, !loggers_.empty(),
                     lasting.batches.training),
      validation_(EvaluationLoop::Kind::validation,
                  parts_of_evaluation(lasting.progress.validation, lasting.batches.validation)),
      evaluation_(
          config_.fn == Fn::test ? EvaluationLoop::Kind::test : EvaluationLoop::Kind::validation,
          parts_of_evaluation(evaluation_counts_, config_.fn == Fn::test
                                                      ? lasting.batches.test
                                                      : lasting.batches.validation)),
      prediction_({.hooks = hooks_,
                   .data = data_,
                   .strategy = *lasting.strategy,
                   .modes = modes_,
                   .config = config_,
                   .batches = lasting.batches.prediction}),
      fit_loop_({.hooks = hooks_,
                 .data = data_,
                 .training_data = training_data_,
                 .strategy = *lasting.strategy,
                 .optimization = optimization_,
                 .validation = validation_,
                 .log = log_,
                 .moment = moment_,
                 .state = lasting.state,
                 .progress = lasting.progress,
                 .limits = lasting.limits,
                 .config = config_}),
      checkpoints_({.hooks = hooks_,
                    .owners = owners_,
                    .optimizers = lasting.optimizers,
                    .strategy = *lasting.strategy,
                    .progress = lasting.progress,
                    .limits = lasting.limits,
                    .config = config_,
                    .fit = {.module = *owners_.module.module(),
                            .device = lasting.strategy->root_device(),
                            .progress = lasting.progress,
                            .limits = lasting.limits,
                            .log = log_,
                            .data = config_.in_fit() ? &training_data_ : nullptr},
                    .last_files = [this] { return last_files(trainer_, owners_.callbacks); }}),
      attachment_(*this, owners_.module.module(), owners_.data.data_module(), outer) {
  lasting_.state = {config_.fn, Stage::none, TrainerState::Status::running};
}

EvaluationLoop::Parts Run::parts_of_evaluation(EvaluationCounts& counts,
                                               std::vector<int64_t>& batches) {
  return {.hooks = hooks_,
          .data = data_,
          .strategy = *lasting_.strategy,
          .log = log_,
          .moment = moment_,
          .modes = modes_,
          .config = config_,
          .state = lasting_.state,
          .progress = lasting_.progress,
          .counts = counts,
          .batches = batches};
}

// --- Entry points -----------------------------------------------------------------------------

void Run::fit(const Loaders& train, const Loaders& val, const std::string& ckpt_path) {
  Progress& progress = lasting_.progress;
  lasting_.limits.should_stop = false;
  progress.place = Place::epoch_start;  // a fit that was interrupted begins its epoch again
  progress.batches_done = 0;
  progress.has_trained = progress.told_of_minimum = false;
  training_data_.use(
      train);  // now: configure_optimizers() may ask for estimated_stepping_batches()
  validation_.use(val);
  execute(ckpt_path, [&] {
    const torch::AutoGradMode gradients(true);
    fit_loop_.run(std::any_of(owners_.callbacks.begin(), owners_.callbacks.end(),
                              [](const auto& callback) { return callback->is_checkpoint(); }));
  });
}

bool Run::takes_inner_fit() const {
  return lasting_.state.status == TrainerState::Status::running &&
         (moment_.hook == Hook::on_fit_start || moment_.hook == Hook::on_train_start ||
          moment_.hook == Hook::on_train_epoch_start);
}

void Run::fit_inside() {
  training_data_.use(outer_->training_data_.given());
  validation_.use(outer_->validation_.given());
  resolve_limits();
  check_configuration();
  optimization_.make();
  const torch::AutoGradMode gradients(true);
  fit_loop_.run(/*keeps_state=*/false);
  for (const auto& logger : loggers_) logger->finalize("success");
}

std::vector<Scores> Run::evaluate(const Loaders& loaders, const std::string& ckpt_path) {
  std::vector<Scores> scores;
  execute(ckpt_path, [&] {
    const bool tests = config_.fn == Fn::test;
    lasting_.state.stage = tests ? Stage::testing : Stage::validating;
    evaluation_.use(loaders);
    evaluation_.load_if_needed();
    if (!evaluation_.has_loaders()) {
      throw Error(
          fmt::format("{0} has no loader; give it one, or a data module, or let the module "
                      "have a {1}_dataloader()",
                      name_of(config_.fn), tests ? "test" : "val"));
    }
    scores = evaluation_.run(kUnlimited);
  });
  return scores;
}

std::vector<std::vector<Batch>> Run::predict(const Loaders& loaders, bool keep,
                                             const std::string& ckpt_path) {
  std::vector<std::vector<Batch>> predictions;
  execute(ckpt_path, [&] {
    lasting_.state.stage = Stage::predicting;
    predictions = prediction_.run(loaders, keep);
  });
  return predictions;
}

// --- The run around them ----------------------------------------------------------------------

template <typename Body>
void Run::execute(const std::string& ckpt_path, Body&& body) {
  const bool is_first = lasting_.strategy->is_global_zero();
  const Silence silence(!is_first);
  std::optional<course::InterruptGuard> guard;
  if (lasting_.handles_signals && is_first) guard.emplace();
  try {
    const RunEnvironment environment(config_.options);
    if (config_.in_fit()) resolve_limits();
    owners_.callbacks = with_those_of_module(
        lasting_.callbacks, hooks_.module(Hook::configure_callbacks, [](LightningModule& module) {
          return module.configure_callbacks();
        }));
    check_configuration();
    checkpoints_.open(ckpt_path);
    if (lasting_.profiler)
      lasting_.profiler->setup(name_of(config_.fn),
                               folder_of(lasting_.loggers, config_.options.default_root_dir));
    if (std::optional<ResumePoint> point = set_up()) fit_loop_.resume(std::move(*point));
    body();
    tear_down();
  } catch (const std::exception& error) {
    fail(error);
    throw;
  } catch (...) {
    fail(Error("an exception that is no std::exception"));
    throw;
  }
}

void Run::resolve_limits() {
  const TrainerOptions& options = config_.options;
  const auto timer = find<Timer>(owners_.callbacks);
  const bool has_end = lasting_.max_epochs || lasting_.limits.max_steps >= 0 ||
                       (timer != nullptr && timer->options().duration);
  if (!has_end) {
    warn("neither max_epochs, max_steps nor max_time was given; training ends after 1000 epochs");
  }
  lasting_.limits.max_epochs = lasting_.max_epochs.value_or(has_end ? -1 : 1000);
  config_.min_epochs = options.min_epochs.value_or(options.min_steps ? 1 : 0);
}

void Run::check_configuration() const {
  const HookSet& has = hooks_.of_module();
  const auto need = [&](Hook hook, const char* why) {
    if (has.has(hook)) return;
    throw Error(fmt::format("{} needs the module {} to have a {}(), {}", name_of(config_.fn),
                            class_name(hooks_.the_module()), name_of(hook), why));
  };
  switch (config_.fn) {
    case Fn::fit:
      need(Hook::training_step, "which returns the loss of a batch");
      need(Hook::configure_optimizers, "which returns the optimizer");
      break;
    case Fn::validate:
      need(Hook::validation_step, "which logs what a batch is worth");
      break;
    case Fn::test:
      need(Hook::test_step, "which logs what a batch is worth");
      break;
    case Fn::predict:
      need(Hook::predict_step, "which returns the predictions of a batch");
      break;
    case Fn::none:
      break;
  }
  for (const Hook hook : {Hook::on_before_batch_transfer, Hook::transfer_batch_to_device,
                          Hook::on_after_batch_transfer}) {
    if (owners_.data.hooks().has(hook) && has.has(hook)) {
      warn(fmt::format("module and data module both have a {}(); the data module's is called",
                       name_of(hook)));
    }
  }
  if (!config_.in_fit() || hooks_.the_module().automatic_optimization) return;
  const TrainerOptions& options = config_.options;
  if (options.gradient_clip_val && *options.gradient_clip_val > 0) {
    throw Error(
        "gradient_clip_val is given, but the module optimizes by hand; call clip_gradients() in "
        "its training_step() instead");
  }
  if (lasting_.limits.accumulate_grad_batches != 1) {
    throw Error(
        "accumulate_grad_batches is given, but the module optimizes by hand; accumulate in its "
        "training_step() instead");
  }
}

// @returns where a fit goes on; none: it begins
std::optional<ResumePoint> Run::set_up() {
  const std::string stage = name_of(config_.fn);
  if (hooks_.of_data_module(Hook::prepare_data)) {
    hooks_.data_module(Hook::prepare_data, [](LightningDataModule& data) { data.prepare_data(); });
  }
  if (hooks_.of_module(Hook::prepare_data)) {
    hooks_.module(Hook::prepare_data, [](LightningModule& module) { module.prepare_data(); });
  }
  lasting_.strategy->barrier();
  if (owners_.data.data_module() != nullptr) {
    hooks_.data_module(Hook::setup, [&](LightningDataModule& data) { data.setup(stage); });
  }
  hooks_.both(Hook::setup, &Callback::setup, &LightningModule::setup, stage);
  hooks_.module(Hook::configure_model, [](LightningModule& module) { module.configure_model(); });
  checkpoints_.restore_modules_and_callbacks();
  LightningModule& module = hooks_.the_module();
  lasting_.strategy->setup(module);
  if (config_.options.channels_last) to_channels_last(module);
  if (!config_.in_fit()) return std::nullopt;
  optimization_.make();  // of parameters that are on their device
  hooks_.on_fit_start();
  std::optional<ResumePoint> point = checkpoints_.restore_training_state();
  log_hyperparams();  // writes files: not before the checkpoint was found to fit
  for (torch::Tensor& parameter : module.parameters()) parameter.mutable_grad() = torch::Tensor();
  return point;
}

void Run::log_hyperparams() const {
  if (loggers_.empty() || !config_.options.enable_autolog_hparams) return;
  course::Dict merged;
  const LightningModule& module = hooks_.the_module();
  if (module.logs_hparams()) merged = module.hparams();
  const auto& data = owners_.data.data_module();
  if (data != nullptr && data->logs_hparams()) {
    for (const auto& [key, value] : data->hparams()) {
      if (merged.find(key) != nullptr) {
        throw Error(
            fmt::format("module and data module both save the hyperparameter {}; give one "
                        "of them another name",
                        key.as_string()));
      }
      merged.set(key, value);
    }
  }
  for (const auto& logger : loggers_) {
    if (merged.size() > 0) logger->log_hyperparams(merged);
    logger->save();
  }
}

void Run::tear_down() {
  const std::string stage = name_of(config_.fn);
  lasting_.strategy->teardown(hooks_.the_module());
  if (config_.in_fit()) hooks_.on_fit_end();
  if (owners_.data.data_module() != nullptr) {
    hooks_.data_module(Hook::teardown, [&](LightningDataModule& data) { data.teardown(stage); });
  }
  hooks_.both(Hook::teardown, &Callback::teardown, &LightningModule::teardown, stage);
  for (const auto& logger : loggers_) logger->finalize("success");
  if (lasting_.profiler) {
    lasting_.profiler->describe();
    lasting_.profiler->teardown();
  }
  lasting_.state.stage = Stage::none;
  lasting_.state.status = TrainerState::Status::finished;
}

// Everybody has their turn, and the caller gets `error`, whatever else goes wrong here.
void Run::fail(const std::exception& error) {
  lasting_.state.status = TrainerState::Status::interrupted;
  lasting_.strategy->abort(std::current_exception());
  hooks_.on_exception(error);
  for (const auto& logger : loggers_) {
    only_warn(class_name(*logger), [&] { logger->finalize("failed"); });
  }
  if (lasting_.profiler) {
    only_warn(class_name(*lasting_.profiler), [&] { lasting_.profiler->teardown(); });
  }
  modes_.forget();
  only_warn(class_name(*lasting_.strategy),
            [&] { lasting_.strategy->teardown(hooks_.the_module()); });
  lasting_.state.stage = Stage::none;
}

// --- What is asked of it ----------------------------------------------------------------------

void Run::manual_backward(const torch::Tensor& loss) {
  hooks_.on_before_backward(loss);
  hooks_.module(Hook::backward,
                [&](LightningModule& module) { lasting_.strategy->backward(module, loss); });
  hooks_.on_after_backward();
}

bool Run::enable_validation() const {
  return data_.validates() && validation_.has_loaders();
}

int64_t Run::estimated_stepping_batches() {
  const Limits& limits = lasting_.limits;
  if (limits.max_epochs < 0 && limits.max_steps < 0) return kUnlimited;
  training_data_.load_if_needed();
  const int64_t batches = training_data_.batches();
  if (batches == kUnlimited) return limits.max_steps >= 0 ? limits.max_steps : kUnlimited;
  if (limits.max_epochs < 0) return limits.max_steps;
  const auto accumulation = find<GradientAccumulationScheduler>(owners_.callbacks);
  int64_t steps = 0;
  for (int64_t epoch = 0; epoch < limits.max_epochs; ++epoch) {
    const int64_t n = accumulation ? accumulation->factor(epoch) : limits.accumulate_grad_batches;
    steps += (batches + n - 1) / n;
  }
  return limits.max_steps >= 0 ? std::min(steps, limits.max_steps) : steps;
}

}  // namespace lit
