// Trainer: what all entry points have in common, from attaching a module to its teardown.
#include "lit/trainer/trainer.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <unordered_map>
#include <vector>

#include "device/denormals.h"
#include "device/device.h"
#include "lit/callbacks/gradient_accumulation_scheduler.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/model_summary.h"
#include "lit/callbacks/progress_bar.h"
#include "lit/callbacks/timer.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/loggers/tensorboard_logger.h"
#include "lit/loops/evaluation_loop.h"
#include "lit/loops/fit_loop.h"
#include "lit/loops/hook_calls.h"
#include "lit/loops/prediction_loop.h"
#include "lit/metrics/metric.h"
#include "lit/trainer/checkpoint_connector.h"
#include "serialize/parameters.h"
#include "terminal/interrupt.h"
#include "terminal/table.h"

namespace lit {
namespace {

const char* name_of(TrainerState::Fn fn) {
  switch (fn) {
    case TrainerState::Fn::fit:
      return "fit";
    case TrainerState::Fn::validate:
      return "validate";
    case TrainerState::Fn::test:
      return "test";
    case TrainerState::Fn::predict:
      return "predict";
    case TrainerState::Fn::none:
      break;
  }
  return "none";
}

bool is_zero(const Limit& limit) {
  return std::visit([](auto number) { return number == 0; }, limit);
}

torch::Tensor in_channels_last(const torch::Tensor& tensor) {
  const bool has_channels = tensor.defined() && tensor.dim() == 4;
  return has_channels ? tensor.contiguous(torch::MemoryFormat::ChannelsLast) : tensor;
}

Batch in_channels_last(const Batch& batch) {
  std::vector<Batch::Item> items;
  for (const Batch::Item& item : batch) items.push_back({item.name, in_channels_last(item.tensor)});
  return Batch(std::move(items));
}

void to_channels_last(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& tensor : module.parameters()) tensor.set_data(in_channels_last(tensor));
  for (torch::Tensor& tensor : module.buffers()) tensor.set_data(in_channels_last(tensor));
}

// deterministic and benchmark, for the time of a run.
class Determinism {
 public:
  explicit Determinism(const TrainerOptions& options)
      : algorithms_(at::globalContext().deterministicAlgorithms()),
        warn_only_(at::globalContext().deterministicAlgorithmsWarnOnly()),
        cudnn_(at::globalContext().deterministicCuDNN()),
        benchmark_(at::globalContext().benchmarkCuDNN()) {
    at::Context& context = at::globalContext();
    const bool warn = std::holds_alternative<std::string>(options.deterministic);
    if (warn || std::get<bool>(options.deterministic)) {
      context.setDeterministicAlgorithms(true, warn);
      context.setDeterministicCuDNN(true);
      context.setBenchmarkCuDNN(options.benchmark.value_or(false));
      setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
    } else if (options.benchmark) {
      context.setBenchmarkCuDNN(*options.benchmark);
    }
  }
  ~Determinism() {
    at::Context& context = at::globalContext();
    context.setDeterministicAlgorithms(algorithms_, warn_only_);
    context.setDeterministicCuDNN(cudnn_);
    context.setBenchmarkCuDNN(benchmark_);
  }
  Determinism(const Determinism&) = delete;
  Determinism& operator=(const Determinism&) = delete;

 private:
  bool algorithms_, warn_only_, cudnn_, benchmark_;
};

// The results of an evaluation, a column for each loader.
void print(TrainerState::Fn fn, const std::vector<Scores>& scores) {
  const bool test = fn == TrainerState::Fn::test;
  std::vector<course::Column> columns{course::left(test ? "Test metric" : "Validate metric")};
  std::vector<std::string> names;
  for (size_t i = 0; i < scores.size(); ++i) {
    columns.push_back(course::right(fmt::format("DataLoader {}", i)));
  }
  const auto bare = [](const std::string& name) {
    return name.substr(0, name.find("/dataloader_idx_"));
  };
  for (const Scores& one : scores) {
    for (const auto& [name, value] : one) {
      if (std::find(names.begin(), names.end(), bare(name)) == names.end())
        names.push_back(bare(name));
    }
  }
  if (names.empty()) return;
  course::Table table(columns);
  for (const std::string& name : names) {
    std::vector<std::string> row{name};
    for (size_t i = 0; i < scores.size(); ++i) {
      auto found = scores[i].find(name);
      if (found == scores[i].end()) {
        found = scores[i].find(fmt::format("{}/dataloader_idx_{}", name, i));
      }
      row.push_back(found == scores[i].end() ? "" : fmt::format("{:.6g}", found->second));
    }
    table.row(std::move(row));
  }
  fmt::print("{}", table.text());
}

}  // namespace

Trainer::Trainer(TrainerOptions options) : options_(std::move(options)) {
  check(options_);
  if (fast_dev_run()) {
    const int64_t n = options_.fast_dev_run;
    info(
        fmt::format("Running in fast_dev_run mode: will run the requested loop using {} "
                    "batch(es). Logging and checkpointing is suppressed.",
                    n));
    options_.max_steps = n;
    options_.max_epochs = 1;
    options_.num_sanity_val_steps = 0;
    options_.val_check_interval = 1.0;
    options_.check_val_every_n_epoch = 1;
  } else {
    loggers_ = options_.logger.list();
    if (options_.logger.use_default()) {
      loggers_ = {std::make_shared<TensorBoardLogger>(
          TensorBoardLoggerOptions{.save_dir = options_.default_root_dir})};
    }
  }
  // What a module asks of its logger goes nowhere.
  const bool has_logger = options_.logger.use_default() || !options_.logger.list().empty();
  if (fast_dev_run() && has_logger) loggers_ = {std::make_shared<DummyLogger>()};
  profiler_ = make_profiler(options_.profiler);
  strategy_ = make_strategy(options_.accelerator, options_.devices);
  calls_ = std::make_unique<HookCalls>(*this);
  using Kind = EvaluationLoop::Kind;
  val_loop_ = std::make_unique<EvaluationLoop>(*this, *calls_, Kind::validation);
  validate_loop_ = std::make_unique<EvaluationLoop>(*this, *calls_, Kind::validation);
  test_loop_ = std::make_unique<EvaluationLoop>(*this, *calls_, Kind::test);
  predict_loop_ = std::make_unique<PredictionLoop>(*this, *calls_);
  fit_loop_ = std::make_unique<FitLoop>(*this, *calls_, *val_loop_);
  checkpoints_ = std::make_unique<CheckpointConnector>(*this);

  callbacks_ = options_.callbacks;
  if (options_.max_time) callbacks_.push_back(callback<Timer>({.duration = *options_.max_time}));
  const auto bars = std::count_if(callbacks_.begin(), callbacks_.end(), [](const auto& one) {
    return std::dynamic_pointer_cast<ProgressBar>(one) != nullptr;
  });
  if (bars > 1 || (bars > 0 && !options_.enable_progress_bar)) {
    throw Error(bars > 1 ? "callbacks has more than one progress bar; keep one"
                         : "enable_progress_bar is false, but callbacks has a progress bar; take "
                           "one of them back");
  }
  if (options_.enable_progress_bar && bars == 0) callbacks_.push_back(callback<ProgressBar>());
  if (options_.enable_model_summary && find_callback<ModelSummary>() == nullptr) {
    callbacks_.push_back(callback<ModelSummary>());
  }
  const bool saves = find_callback<ModelCheckpoint>() != nullptr;
  if (saves && !options_.enable_checkpointing) {
    throw Error(
        "enable_checkpointing is false, but callbacks has a ModelCheckpoint; take one of them "
        "back");
  }
  const bool keeps = std::any_of(callbacks_.begin(), callbacks_.end(),
                                 [](const auto& one) { return one->is_checkpoint(); });
  if (options_.enable_checkpointing && !keeps) callbacks_.push_back(callback<ModelCheckpoint>());
  order_callbacks();
  own_callbacks_ = callbacks_;
}

Trainer::~Trainer() {
  detach();
}

void Trainer::set_max_epochs(int64_t epochs) {
  options_.max_epochs = epochs;
  check(options_);
}

void Trainer::set_max_steps(int64_t steps) {
  options_.max_steps = steps;
  check(options_);
}

// Those that write checkpoints run last. Two that have state need two keys to keep it under.
void Trainer::order_callbacks() {
  std::stable_partition(callbacks_.begin(), callbacks_.end(),
                        [](const auto& one) { return !one->is_checkpoint(); });
  std::unordered_map<std::string, std::vector<const Callback*>> by_key;
  for (const auto& one : callbacks_) by_key[one->state_key()].push_back(one.get());
  for (const auto& [key, all] : by_key) {
    if (all.size() < 2) continue;  // nobody is asked for a state in vain
    const auto with_state = std::count_if(
        all.begin(), all.end(), [](const Callback* one) { return one->state_dict().size() > 0; });
    if (with_state < 2) continue;
    throw Error(
        fmt::format("two callbacks have the state_key {}; give one of them another, "
                    "since a checkpoint keeps their states under it",
                    key));
  }
}

// --- Entry points ---------------------------------------------------------------------------

void Trainer::fit(ModuleRef module, Loaders train_dataloader, Loaders val_dataloaders,
                  FitOptions options) {
  fit_with(std::move(module), {}, train_dataloader, val_dataloaders, options);
}

void Trainer::fit(ModuleRef module, DataModuleRef datamodule, FitOptions options) {
  fit_with(std::move(module), std::move(datamodule), {}, {}, options);
}

void Trainer::fit_with(ModuleRef module, DataModuleRef data, const Loaders& train,
                       const Loaders& val, const FitOptions& options) {
  should_stop = false;
  fit_loop_->use(train,
                 val);  // now: configure_optimizers() may ask for estimated_stepping_batches()
  enter(Fn::fit, std::move(module), std::move(data), options.ckpt_path, [&] {
    const torch::AutoGradMode gradients(true);
    fit_loop_->run();
  });
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
                                      const Loaders& loaders, EvaluateOptions options) {
  std::vector<Scores> scores;
  enter(fn, std::move(module), std::move(data), options.ckpt_path, [&] {
    EvaluationLoop& loop = fn == Fn::test ? *test_loop_ : *validate_loop_;
    state_.stage = fn == Fn::test ? Stage::testing : Stage::validating;
    loop.use(loaders);
    loop.forget_batches();
    loop.load_if_needed();
    if (!loop.has_loaders()) {
      throw Error(
          fmt::format("{0} has no loader; give it one, or a data module, or let the module "
                      "have a {1}_dataloader()",
                      name_of(fn), fn == Fn::test ? "test" : "val"));
    }
    scores = loop.run(unlimited());
  });
  if (options.verbose) print(fn, scores);
  return scores;
}

std::vector<std::vector<Batch>> Trainer::predict(ModuleRef module, Loaders dataloaders,
                                                 PredictOptions options) {
  return predict_with(std::move(module), {}, dataloaders, options);
}
std::vector<std::vector<Batch>> Trainer::predict(ModuleRef module, DataModuleRef datamodule,
                                                 PredictOptions options) {
  return predict_with(std::move(module), std::move(datamodule), {}, options);
}

std::vector<std::vector<Batch>> Trainer::predict_with(ModuleRef module, DataModuleRef data,
                                                      const Loaders& loaders,
                                                      PredictOptions options) {
  std::vector<std::vector<Batch>> predictions;
  enter(Fn::predict, std::move(module), std::move(data), options.ckpt_path, [&] {
    state_.stage = Stage::predicting;
    predictions = predict_loop_->run(loaders, options.return_predictions);
  });
  return predictions;
}

// --- The run around them ----------------------------------------------------------------------

void Trainer::enter(Fn fn, ModuleRef module, DataModuleRef data, const std::string& ckpt_path,
                    const std::function<void()>& run) {
  if (module.module() == nullptr) {
    throw Error(fmt::format(
        "{} was given a module that is null, or an empty holder; make one with std::make_shared",
        name_of(fn)));
  }
  std::optional<course::InterruptGuard> guard;
  if (handle_signals_) guard.emplace();
  attach(fn, std::move(module), std::move(data));
  try {
    const Determinism determinism(options_);
    std::optional<course::FlushDenormals> flush;
    if (options_.flush_denormal) flush.emplace();
    if (fn == Fn::fit) resolve_epoch_limits();
    configure_callbacks();
    check_configuration(fn);
    checkpoints_->open(ckpt_path);
    if (profiler_ != nullptr) profiler_->setup(name_of(fn), log_dir());
    set_up(fn);
    run();
    tear_down(fn);
  } catch (const std::exception& error) {
    fail(error);
    throw;
  } catch (...) {
    fail(Error("an exception that is no std::exception"));
    throw;
  }
}

void Trainer::attach(Fn fn, ModuleRef module, DataModuleRef data) {
  detach();
  state_ = {fn, Stage::none, Status::running};
  module_ = std::move(module);
  data_ = std::move(data);
  for (const auto& part : module_->module()->modules()) {  // itself and those inside of it
    if (auto* lightning = dynamic_cast<LightningModule*>(part.get())) lightning->trainer_ = this;
  }
  if (data_.data_module() != nullptr) data_.data_module()->trainer_ = this;
  hook_ = Hook::none;
  batch_ = nullptr;
  dataloader_idx_ = -1;
  logged_parts_.clear();
  clear_metrics();
}

// The module and the data module know nothing any more of a Trainer that may be gone tomorrow.
void Trainer::detach() {
  if (module_) {
    for (const auto& part : module_->module()->modules()) {
      auto* lightning = dynamic_cast<LightningModule*>(part.get());
      if (lightning != nullptr && lightning->trainer_ == this) lightning->trainer_ = nullptr;
    }
  }
  const auto& data = data_.data_module();
  if (data != nullptr && data->trainer_ == this) data->trainer_ = nullptr;
}

void Trainer::resolve_epoch_limits() {
  const auto timer = find_callback<Timer>();
  const bool has_end = options_.max_epochs || options_.max_steps >= 0 ||
                       (timer != nullptr && timer->options().duration);
  if (!has_end) {
    warn("neither max_epochs, max_steps nor max_time was given; training ends after 1000 epochs");
  }
  max_epochs_ = options_.max_epochs.value_or(has_end ? -1 : 1000);
  min_epochs_ = options_.min_epochs.value_or(options_.min_steps ? 1 : 0);
}

// Those of the module come to the Trainer's; one of the same type takes the place of the Trainer's.
void Trainer::configure_callbacks() {
  callbacks_ = own_callbacks_;
  const auto added = calls_->module(Hook::configure_callbacks, [](LightningModule& module) {
    return module.configure_callbacks();
  });
  for (const auto& one : added) {
    if (one == nullptr) throw Error("configure_callbacks() returned a callback that is null");
    const auto same = [&](const auto& other) {
      const Callback& a = *one;
      const Callback& b = *other;
      return typeid(a) == typeid(b);
    };
    const auto replaced = std::remove_if(callbacks_.begin(), callbacks_.end(), same);
    if (replaced != callbacks_.end()) {
      info(fmt::format("the module's {} takes the place of the Trainer's", class_name(*one)));
      callbacks_.erase(replaced, callbacks_.end());
    }
  }
  callbacks_.insert(callbacks_.end(), added.begin(), added.end());
  order_callbacks();
}

void Trainer::check_configuration(Fn fn) const {
  const HookSet& has = module_->hooks();
  const auto need = [&](Hook hook, const char* why) {
    if (has.has(hook)) return;
    throw Error(fmt::format("{} needs the module {} to have a {}(), {}", name_of(fn),
                            class_name(module()), lit::name_of(hook), why));
  };
  switch (fn) {
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
    if (data_.hooks().has(hook) && has.has(hook)) {
      warn(fmt::format("module and data module both have a {}(); the data module's is called",
                       lit::name_of(hook)));
    }
  }
  if (fn != Fn::fit || module().automatic_optimization) return;
  if (options_.gradient_clip_val && *options_.gradient_clip_val > 0) {
    throw Error(
        "gradient_clip_val is given, but the module optimizes by hand; call clip_gradients() in "
        "its training_step() instead");
  }
  if (options_.accumulate_grad_batches != 1) {
    throw Error(
        "accumulate_grad_batches is given, but the module optimizes by hand; accumulate in its "
        "training_step() instead");
  }
}

void Trainer::set_up(Fn fn) {
  const std::string stage = name_of(fn);
  const bool has_data = data_.data_module() != nullptr;
  if (has_data && data_.hooks().has(Hook::prepare_data)) {
    calls_->data_module(Hook::prepare_data, [](LightningDataModule& data) { data.prepare_data(); });
  }
  if (module_->hooks().has(Hook::prepare_data)) {
    calls_->module(Hook::prepare_data, [](LightningModule& module) { module.prepare_data(); });
  }
  strategy_->barrier();
  if (has_data) {
    calls_->data_module(Hook::setup, [&](LightningDataModule& data) { data.setup(stage); });
  }
  calls_->both(Hook::setup, &Callback::setup, &LightningModule::setup, stage);
  calls_->module(Hook::configure_model, [](LightningModule& module) { module.configure_model(); });
  checkpoints_->restore_modules_and_callbacks();
  strategy_->setup(module());
  if (options_.channels_last) to_channels_last(module());
  if (fn != Fn::fit) return;
  make_optimizers();  // of parameters that are on their device
  calls_->on_fit_start();
  checkpoints_->restore_training_state();
  log_hyperparams();  // writes files: not before the checkpoint was found to fit
  for (torch::Tensor& parameter : module().parameters()) parameter.mutable_grad() = torch::Tensor();
}

void Trainer::make_optimizers() {
  const Optimizers made = calls_->module(Hook::configure_optimizers, [](LightningModule& module) {
    return module.configure_optimizers();
  });
  optimizers_.clear();
  schedulers_.clear();
  for (const OptimizerConfig& config : made.all()) {
    if (config.optimizer == nullptr)
      throw Error("configure_optimizers() returned one that is null");
    with_own_errors([&] { course::take_each_once(config.optimizer->param_groups()); });
    optimizers_.emplace_back(*this, config.optimizer);
    if (config.lr_scheduler) schedulers_.push_back(*config.lr_scheduler);
  }
  check_optimizers();
}

void Trainer::check_optimizers() const {
  if (optimizers_.empty()) {
    warn("configure_optimizers() returned no optimizer; everything runs, and nothing is learned");
  }
  if (optimizers_.size() > 1 && module().automatic_optimization) {
    throw Error(fmt::format(
        "configure_optimizers() returned {} optimizers, but automatic optimization works with one; "
        "set automatic_optimization to false in the module's constructor, and step each of them in "
        "training_step()",
        optimizers_.size()));
  }
  for (const LRSchedulerConfig& config : schedulers_) {
    if (config.scheduler == nullptr) {
      throw Error("configure_optimizers() returned a scheduler that is null");
    }
    if (config.interval != "epoch" && config.interval != "step") {
      throw Error(fmt::format("the interval of a scheduler is \"{}\", but must be epoch or step",
                              config.interval));
    }
    if (config.frequency < 1) {
      throw Error(fmt::format("the frequency of a scheduler is {}, but must be at least 1",
                              config.frequency));
    }
    if (config.scheduler->needs_metric() && config.monitor.empty()) {
      throw Error(
          "configure_optimizers() returned a scheduler that steps by a metric, without the name of "
          "one; set its monitor, as in {.scheduler = plateau, .monitor = \"val_loss\"}");
    }
    if (config.scheduler->total_steps() && config.interval == "epoch") {
      warn(fmt::format(
          "{} counts batches, but is stepped once an epoch; set the interval of its config to step",
          class_name(*config.scheduler)));
    }
    const bool is_ours = std::any_of(optimizers_.begin(), optimizers_.end(), [&](const auto& one) {
      return one.optimizer() == config.scheduler->optimizer();
    });
    if (!is_ours) {
      throw Error(
          "configure_optimizers() returned a scheduler of an optimizer that it did not return; "
          "return both");
    }
  }
}

void Trainer::log_hyperparams() {
  if (loggers_.empty() || !options_.enable_autolog_hparams) return;
  course::Dict merged;
  if (module().logs_hparams()) merged = module().hparams();
  if (data_.data_module() != nullptr && data_.data_module()->logs_hparams()) {
    for (const auto& [key, value] : data_.data_module()->hparams()) {
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

void Trainer::tear_down(Fn fn) {
  const std::string stage = name_of(fn);
  strategy_->teardown(module());
  if (fn == Fn::fit) calls_->on_fit_end();
  if (data_.data_module() != nullptr) {
    calls_->data_module(Hook::teardown, [&](LightningDataModule& data) { data.teardown(stage); });
  }
  calls_->both(Hook::teardown, &Callback::teardown, &LightningModule::teardown, stage);
  for (const auto& logger : loggers_) logger->finalize("success");
  if (profiler_ != nullptr) {
    profiler_->describe();
    profiler_->teardown();
  }
  state_.stage = Stage::none;
  state_.status = Status::finished;
}

// Everybody has their turn, and the caller gets `error`, whatever else goes wrong here.
void Trainer::fail(const std::exception& error) {
  state_.status = Status::interrupted;
  batch_ = nullptr;
  dataloader_idx_ = -1;
  calls_->on_exception(error);
  for (const auto& logger : loggers_) {
    only_warn(class_name(*logger), [&] { logger->finalize("failed"); });
  }
  if (profiler_ != nullptr) only_warn(class_name(*profiler_), [&] { profiler_->teardown(); });
  modes_.clear();
  only_warn(class_name(*strategy_), [&] { strategy_->teardown(module()); });
  hook_ = Hook::none;
  state_.stage = Stage::none;
}

// --- Data -------------------------------------------------------------------------------------

Loaders Trainer::request_loaders(Hook hook, const Loaders& given) {
  Loaders loaders = given;
  const auto from = [hook](auto& owner) {
    switch (hook) {
      case Hook::train_dataloader:
        return owner.train_dataloader();
      case Hook::val_dataloader:
        return owner.val_dataloader();
      case Hook::test_dataloader:
        return owner.test_dataloader();
      default:
        return owner.predict_dataloader();
    }
  };
  if (loaders.empty() && data_.data_module() != nullptr && data_.hooks().has(hook)) {
    loaders = calls_->data_module(hook, from);
  } else if (loaders.empty() && module_->hooks().has(hook)) {
    loaders = calls_->module(hook, from);
  }
  std::vector<std::shared_ptr<Loader>> all(loaders.begin(), loaders.end());
  const bool overfits = !is_zero(options_.overfit_batches) &&
                        (hook == Hook::train_dataloader || hook == Hook::val_dataloader);
  for (auto& loader : all) {
    if (loader == nullptr)
      throw Error(fmt::format("{} has a loader that is null", lit::name_of(hook)));
    if (!overfits || !loader->shuffles()) continue;
    auto unshuffled = loader->unshuffled();
    if (unshuffled == nullptr) {
      throw Error(
          "overfit_batches needs the same batches in every epoch, but a loader shuffles and has no "
          "unshuffled(); give it one that does not");
    }
    warn("overfit_batches: a loader that shuffles is made to keep the order of its data");
    loader = std::move(unshuffled);
  }
  return all;
}

int64_t Trainer::limited(const std::string& name, Limit limit, const Loader& loader) const {
  const std::optional<int64_t> batches = loader.batches();
  if (fast_dev_run()) return std::min(batches.value_or(unlimited()), options_.fast_dev_run);
  std::string option = "limit_" + name + "_batches";
  const bool overfits =
      options_.overfit_batches != Limit(0.0) && options_.overfit_batches != Limit(int64_t{0});
  if (overfits && (name == "train" || name == "val")) {
    limit = options_.overfit_batches;
    option = "overfit_batches";
  }
  if (const auto* count = std::get_if<int64_t>(&limit)) {
    return std::min(batches.value_or(unlimited()), *count);
  }
  const double share = std::get<double>(limit);
  if (share == 0) return 0;
  if (share == 1) return batches.value_or(unlimited());
  if (!batches) {
    throw Error(
        fmt::format("{} is the share {}, but nobody knows how many batches the {} loader "
                    "has; give a whole number of batches, or 1.0",
                    option, share, name));
  }
  const auto some = static_cast<int64_t>(static_cast<double>(*batches) * share);
  if (some == 0 && *batches > 0) {
    throw Error(fmt::format("{} is {} of {} batches, which is less than one; give at least {:.3g}",
                            option, share, *batches, 1.0 / static_cast<double>(*batches)));
  }
  return some;
}

bool Trainer::has_source(Hook hook, const Loaders& given) const {
  return !given.empty() || (data_.data_module() != nullptr && data_.hooks().has(hook)) ||
         module_->hooks().has(hook);
}

bool Trainer::has_trained() const {
  return fit_loop_->has_trained();
}

bool Trainer::enable_validation() const {
  return module_ && validates() && val_loop_->has_loaders();
}

bool Trainer::validates() const {
  const bool off =
      options_.limit_val_batches == Limit(0.0) || options_.limit_val_batches == Limit(int64_t{0});
  return module_->hooks().has(Hook::validation_step) && (!off || fast_dev_run());
}

Batch Trainer::transfer(Batch batch, int64_t dataloader_idx) {
  const torch::Device device = course::with_index(strategy_->root_device());
  const Profiler::Scope timed =
      profiler_ == nullptr
          ? Profiler::Scope()
          : profiler_->profile(fmt::format("[Strategy]{}.batch_to_device", class_name(strategy())));
  const auto run = [&](Hook hook, auto&& function) {
    const bool of_data = data_.data_module() != nullptr && data_.hooks().has(hook);
    batch = of_data ? calls_->data_module(hook, function) : calls_->module(hook, function);
  };
  run(Hook::on_before_batch_transfer, [&](auto& owner) {
    return owner.on_before_batch_transfer(std::move(batch), dataloader_idx);
  });
  run(Hook::transfer_batch_to_device, [&](auto& owner) {
    return owner.transfer_batch_to_device(std::move(batch), device, dataloader_idx);
  });
  run(Hook::on_after_batch_transfer,
      [&](auto& owner) { return owner.on_after_batch_transfer(std::move(batch), dataloader_idx); });
  if (options_.channels_last) batch = in_channels_last(batch);
  for (const Batch::Item& item : batch) {
    if (item.tensor.defined() && item.tensor.device() != device) {
      throw Error(fmt::format(
          "the batch is on {}, but the module is on {}; does transfer_batch_to_device() or "
          "on_after_batch_transfer() leave it elsewhere?",
          item.tensor.device().str(), device.str()));
    }
  }
  return batch;
}

void Trainer::set_accumulate_grad_batches(int64_t batches) {
  TrainerOptions changed = options_;
  changed.accumulate_grad_batches = batches;
  check(changed);
  options_ = std::move(changed);
}

int64_t Trainer::estimated_stepping_batches() {
  if (max_epochs_ < 0 && options_.max_steps < 0) return unlimited();
  fit_loop_->load_train_data();
  if (num_training_batches_ == unlimited()) {
    return options_.max_steps >= 0 ? options_.max_steps : unlimited();
  }
  if (max_epochs_ < 0) return options_.max_steps;
  const auto accumulation = find_callback<GradientAccumulationScheduler>();
  int64_t steps = 0;
  for (int64_t epoch = 0; epoch < max_epochs_; ++epoch) {
    const int64_t n = accumulation ? accumulation->factor(epoch) : accumulate_grad_batches();
    steps += (num_training_batches_ + n - 1) / n;
  }
  return options_.max_steps >= 0 ? std::min(steps, options_.max_steps) : steps;
}

// --- Steps ------------------------------------------------------------------------------------

void Trainer::step_optimizer(LightningOptimizer& optimizer, const Closure& closure) {
  if (!module().automatic_optimization) {
    const Profiler::Scope step = timed("optimizer_step");
    calls_->on_before_optimizer_step(*optimizer);
    optimizer->step(closure);
    ++global_step_;
    return;
  }
  // Inside the optimizer's own step: the closure, then what comes between gradients and update.
  optimizer->step([&] {
    torch::Tensor loss = closure();
    calls_->on_before_optimizer_step(*optimizer);
    calls_->module(Hook::configure_gradient_clipping, [&](LightningModule& module) {
      module.configure_gradient_clipping(*optimizer, options_.gradient_clip_val,
                                         options_.gradient_clip_algorithm);
    });
    return loss;
  });
}

void Trainer::manual_backward(const torch::Tensor& loss) {
  calls_->on_before_backward(loss);
  calls_->module(Hook::backward, [&](LightningModule& module) { module.backward(loss); });
  calls_->on_after_backward();
}

// --- Logging ----------------------------------------------------------------------------------

void Trainer::log(const std::string& name, const LogValue& value, const LogOptions& options) {
  const LogOptions settled = settle(name, options);
  results_->log(hook_, name, dataloader_idx_, value, settled, batch_);
}

// A metric that is not a part of the module stays on the CPU when the module moves, and nobody
// would know whose it is.
void Trainer::log(const std::string& name, const std::shared_ptr<Metric>& metric,
                  const LogOptions& options) {
  const LogOptions settled = settle(name, options);
  if (logged_parts_.count(metric.get()) == 0) {
    std::string known;
    for (const auto& part : module().named_modules()) {
      if (dynamic_cast<const Metric*>(part.value().get()) == nullptr) continue;
      logged_parts_.insert(part.value().get());
      known += " " + part.key();
    }
    if (logged_parts_.count(metric.get()) == 0) {
      throw Error(fmt::format(
          "log(\"{}\") was given a metric that {}; the module's metrics are:{}", name,
          metric == nullptr ? "is null"
                            : "is not a part of the module: make it one by register_module()",
          known.empty() ? " none" : known));
    }
  }
  results_->log(hook_, name, dataloader_idx_, metric, settled);
}

// The options of a log() in the hook that runs now.
LogOptions Trainer::settle(const std::string& name, const LogOptions& options) const {
  const LogRule rule = log_rule(hook_);
  if (!rule.allowed || state_.status != Status::running) {
    throw Error(
        fmt::format("log(\"{}\") cannot be called in {}; log in a step, in a batch hook, or "
                    "in a hook of an epoch's start or end",
                    name, lit::name_of(hook_)));
  }
  LogOptions settled = options;
  if (!settled.on_step) settled.on_step = rule.on_step;
  if (!settled.on_epoch) settled.on_epoch = rule.on_epoch;
  if (*settled.on_step && !rule.step_is_allowed) {
    throw Error(fmt::format("log(\"{}\") has on_step in {}, where there is no step; leave it out",
                            name, lit::name_of(hook_)));
  }
  if (!*settled.on_step && !*settled.on_epoch) {
    throw Error(fmt::format("log(\"{}\") has neither on_step nor on_epoch; set one of them", name));
  }
  if (options.add_dataloader_idx && name.find("/dataloader_idx_") != std::string::npos) {
    throw Error(
        fmt::format("log(\"{}\"): the number of the loader is added to the name by itself; "
                    "leave it out, or set add_dataloader_idx to false",
                    name));
  }
  return settled;
}

void Trainer::update_metrics(bool on_step) {
  if (results_ == nullptr) return;
  const bool training = results_ == &fit_loop_->results;
  results_->collect(
      on_step, training,
      {.callback = &callback_metrics_, .logged = &logged_metrics_, .bar = &progress_bar_metrics_});
}

const Metrics& Trainer::callback_metrics() {
  update_metrics(results_on_step_);
  return callback_metrics_;
}
const Metrics& Trainer::logged_metrics() {
  update_metrics(results_on_step_);
  return logged_metrics_;
}
const Metrics& Trainer::progress_bar_metrics() {
  update_metrics(results_on_step_);
  return progress_bar_metrics_;
}

void Trainer::clear_metrics() {
  for (Results* results :
       {&fit_loop_->results, &val_loop_->results, &validate_loop_->results, &test_loop_->results}) {
    results->reset();
  }
  results_ = nullptr;
  results_on_step_ = true;
  callback_metrics_.clear();
  logged_metrics_.clear();
  progress_bar_metrics_.clear();
}

bool Trainer::should_update_logs() const {
  const int64_t every = options_.log_every_n_steps;
  return every > 0 && ((batches_that_stepped_ + 1) % every == 0 || should_stop);
}

void Trainer::log_metrics(const Metrics& metrics, int64_t step, bool for_monitors) {
  if (for_monitors) {
    for (const auto& [name, value] : metrics) callback_metrics_.insert_or_assign(name, value);
  }
  send(metrics, step, /*with_epoch=*/false);
}

bool Trainer::validation_is_due() const {
  return fit_loop_->validation_is_due();
}

bool Trainer::predict_loader_shuffles(int64_t dataloader_idx) const {
  return predict_loop_->loaders()[static_cast<size_t>(dataloader_idx)]->shuffles();
}

// One row for the loggers. A metric that is called "step" is the step.
void Trainer::send(Metrics metrics, int64_t step, bool with_epoch) {
  if (loggers_.empty() || metrics.empty()) return;
  const auto own_step = metrics.find("step");
  if (own_step != metrics.end()) {
    step = static_cast<int64_t>(own_step->second.value());
    metrics.erase(own_step);
    with_epoch = false;
  }
  std::map<std::string, double> row;
  for (const auto& [name, value] : metrics) row.emplace(name, value.value());
  if (with_epoch) row.emplace("epoch", static_cast<double>(current_epoch_));
  for (const auto& logger : loggers_) {
    logger->log_metrics(row, step);
    logger->save();
  }
}

void Trainer::save_checkpoint(const std::filesystem::path& path, bool weights_only) {
  module();  // or an error that says there is none
  const Profiler::Scope saving = timed("save_checkpoint");
  checkpoints_->save(path, weights_only);
}

const std::filesystem::path& Trainer::ckpt_path() const {
  return checkpoints_->ckpt_path();
}

std::filesystem::path Trainer::log_dir() const {
  if (logger() != nullptr && !logger()->log_dir().empty()) return logger()->log_dir();
  if (logger() != nullptr && !logger()->save_dir().empty()) return logger()->save_dir();
  return options_.default_root_dir.empty() ? std::filesystem::current_path()
                                           : options_.default_root_dir;
}

// --- The module -------------------------------------------------------------------------------

LightningModule& Trainer::module() const {
  if (!module_)
    throw Error("the Trainer has no module; it gets one from fit, validate, test or predict");
  return *module_->module();
}

void Trainer::save_modes() {
  modes_.clear();
  // libtorch's list, which has a part after each of those that it is inside of: train() of any of
  // them changes it.
  for (const auto& part : module().torch::nn::Module::modules()) {
    modes_.emplace_back(part, part->is_training());
  }
}

void Trainer::restore_modes() {
  // Module::train() goes down to the children, which have their own mode: outermost first.
  for (const auto& [part, training] : modes_) {
    if (part->is_training() != training) part->train(training);
  }
  modes_.clear();
}

}  // namespace lit
