// Training, top to bottom.
#include "lit/loops/fit_loop.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "lit/core/clock.h"
#include "lit/core/messages.h"
#include "lit/core/random_state.h"
#include "lit/error.h"
#include "lit/loops/evaluation_loop.h"
#include "lit/metrics/metric.h"
#include "lit/trainer/checkpoint_connector.h"
#include "serialize/checked.h"
#include "terminal/interrupt.h"

namespace lit {

// region run
void FitLoop::run() {
  told_of_minimum_ = false;
  sanity_check();
  trainer_.state_.stage = TrainerState::Stage::training;
  trainer_.results_ = &results;
  trainer_.results_on_step_ = true;
  load_train_data();
  if (!resume_ && done()) return;
  if (validates_in_this_epoch() || !validation_.has_loaders()) validation_.load_if_needed();
  warn_of_modes();
  std::optional<torch::autograd::DetectAnomalyGuard> anomaly;
  if (trainer_.options_.detect_anomaly) anomaly.emplace();

  calls_.on_train_start();
  last_validation_ = steady_seconds();
  if (!resume_) restore_random_streams();  // of a checkpoint at an epoch's start
  while (resume_ || !done()) {
    load_train_data();  // again, if it is time to
    const Place from = resume_ ? *std::exchange(resume_, std::nullopt) : Place::epoch_start;
    if (from == Place::epoch_start) calls_.on_train_epoch_start();
    run_epoch(from);
    trainer_.update_metrics(/*on_step=*/true);
    trainer_.results_on_step_ = false;  // from here on metrics are those of the epoch
    place_ = Place::epoch_end;
    if (from != Place::epoch_end) calls_.on_train_epoch_end();
    finish_epoch();
  }
  calls_.on_train_end();
}
// endregion

void FitLoop::use(const Loaders& train, const Loaders& val) {
  given_ = train;
  loader_ = nullptr;
  resume_.reset();
  saved_.reset();
  place_ = Place::epoch_start;  // a fit that was interrupted begins its epoch again
  batches_done_ = 0;
  trained_ = false;
  validation_.use(val);
}

// A few batches of validation before any training, so that a mistake there is not found after an
// hour. What it logs and draws at random leaves no trace.
void FitLoop::sanity_check() {
  const int64_t steps = trainer_.options_.num_sanity_val_steps;
  if (steps == 0 || trainer_.fast_dev_run() || !trainer_.validates() || trainer_.global_step_ > 0 ||
      resume_) {
    return;
  }
  const KeepRandomState random(trainer_.strategy_->root_device());
  trainer_.state_.stage = TrainerState::Stage::sanity_checking;
  calls_.on_sanity_check_start();
  validation_.load_if_needed();
  validation_.run(steps < 0 ? Trainer::unlimited() : steps);
  calls_.on_sanity_check_end();
  trainer_.clear_metrics();
}

// Lightning leaves modes alone; what is in evaluation mode by mistake is easily overlooked.
void FitLoop::warn_of_modes() const {
  int64_t count = 0;
  for (const auto& part : trainer_.module().modules()) count += part->is_training() ? 0 : 1;
  if (count == 0) return;
  warn(
      fmt::format("{} of the module's parts are in evaluation mode when training starts; call "
                  "train() before fit() if they should not be",
                  count));
}

void FitLoop::load_train_data() {
  const int64_t every = trainer_.options_.reload_dataloaders_every_n_epochs;
  const bool again = every > 0 && trainer_.current_epoch_ - loaded_in_epoch_ >= every;
  if (loader_ != nullptr && !again) return;
  const Profiler::Scope timed = trainer_.timed("setup_train_dataloader");
  const Loaders loaders = trainer_.request_loaders(Hook::train_dataloader, given_);
  if (loaders.size() != 1) {
    throw Error(
        loaders.empty()
            ? "fit has no loader to train with; give it one, or a data module, or let the "
              "module have a train_dataloader()"
            : fmt::format("fit takes one loader to train with, not {}; a Loader of your own "
                          "can make one of several",
                          loaders.size()));
  }
  loader_ = loaders[0];
  loaded_in_epoch_ = trainer_.current_epoch_;
  const TrainerOptions& options = trainer_.options_;
  trainer_.num_training_batches_ = trainer_.limited("train", options.limit_train_batches, *loader_);
  const int64_t batches = trainer_.num_training_batches_;
  fetcher_ = Fetcher(loader_, batches);
  if (!trainer_.loggers_.empty() && batches < options.log_every_n_steps &&
      !trainer_.fast_dev_run()) {
    warn(fmt::format(
        "an epoch has {} batches, which is less than log_every_n_steps={}; set it lower "
        "to see the steps of every epoch",
        batches, options.log_every_n_steps));
  }

  // After how many batches validation runs.
  val_check_batches_ = Trainer::unlimited();
  if (const auto* count = std::get_if<int64_t>(&options.val_check_interval)) {
    if (*count > batches && options.check_val_every_n_epoch && trainer_.validates()) {
      throw Error(fmt::format(
          "val_check_interval is {} batches, but an epoch has only {}; make it less, or set "
          "check_val_every_n_epoch to none to count batches across epochs",
          *count, batches));
    }
    val_check_batches_ = *count;
  } else if (const auto* share = std::get_if<double>(&options.val_check_interval)) {
    if (batches != Trainer::unlimited()) {
      val_check_batches_ =
          std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(batches) * *share));
    } else if (*share != 1.0) {
      throw Error(fmt::format(
          "val_check_interval is the share {} of an epoch, but nobody knows how many batches the "
          "train loader has; give it 1.0, a whole number of batches, or a time span",
          *share));
    }
  }
}

// Is there no further epoch? The order of the questions decides which message there is.
bool FitLoop::done() {
  const TrainerOptions& options = trainer_.options_;
  if (trainer_.num_training_batches_ == 0) {
    info("Trainer.fit stopped: no training batches.");
    return true;
  }
  if (options.max_steps >= 0 && trainer_.global_step_ >= options.max_steps) {
    info(fmt::format("Trainer.fit stopped: max_steps={} reached.", options.max_steps));
    return true;
  }
  if (trainer_.max_epochs_ >= 0 && trainer_.current_epoch_ >= trainer_.max_epochs_) {
    info(fmt::format("Trainer.fit stopped: max_epochs={} reached.", trainer_.max_epochs_));
    return true;
  }
  return trainer_.should_stop && may_stop();
}

void FitLoop::run_epoch(Place from) {
  const Profiler::Scope timed = trainer_.timed("run_training_epoch");
  skip_rest_ = false;
  trainer_.results_ = &results;
  trainer_.results_on_step_ = true;
  const bool checkpoints =
      std::any_of(trainer_.callbacks_.begin(), trainer_.callbacks_.end(),
                  [](const auto& callback) { return callback->is_checkpoint(); });
  fetcher_.keep_state(checkpoints);
  if (from == Place::epoch_start) {
    begin_epoch();
  } else {
    resume_epoch(from);
  }
  if (from == Place::epoch_end) return;
  while (!epoch_is_over()) {
    course::throw_if_interrupted();
    std::optional<Batch> batch = next_batch();
    if (!batch) {
      if (batch_idx_ < 0) {
        throw Error("the train loader gave no batch; is its data set empty, or used up?");
      }
      break;
    }
    ++batch_idx_;
    ++total_batch_idx_;
    trainer_.is_last_batch_ = fetcher_.is_last();
    run_batch(std::move(*batch));
    trainer_.profiler().step();
    if (skip_rest_) break;
    finish_batch(/*validated=*/false);
  }
}

std::optional<Batch> FitLoop::next_batch() {
  const Profiler::Scope timed = trainer_.timed("[_TrainingEpochLoop].train_dataloader_next");
  return fetcher_.next();
}

void FitLoop::begin_epoch() {
  batch_idx_ = -1;
  batches_done_ = 0;
  steps_before_epoch_ = trainer_.global_step_;
  scheduler_steps_before_epoch_ = scheduler_steps_;
  trainer_.is_last_batch_ = false;
  loader_->begin_epoch(trainer_.current_epoch_);
  fetcher_.begin();
  place_ = Place::batch_start;
}

// What of a batch comes behind its hooks.
void FitLoop::finish_batch(bool validated) {
  if (!validated && validation_is_due()) validate();
  place_ = Place::validated;
  update_lr_schedulers("step", /*plateau=*/true);
  if (!accumulating()) ++trainer_.batches_that_stepped_;
  place_ = Place::batch_start;
}

bool FitLoop::epoch_is_over() {
  const int64_t max_steps = trainer_.options_.max_steps;
  if (trainer_.is_last_batch_) return true;
  if (max_steps >= 0 && trainer_.global_step_ >= max_steps) return true;
  if (!trainer_.should_stop) return false;
  if (may_stop()) return true;
  if (!told_of_minimum_) {
    told_of_minimum_ = true;
    info(fmt::format(
        "Trainer was signaled to stop but the required min_epochs={} or min_steps={} has not been "
        "met. Training will continue...",
        trainer_.min_epochs_, trainer_.options_.min_steps.value_or(0)));
  }
  return false;
}

void FitLoop::run_batch(Batch given) {
  const Profiler::Scope timed = trainer_.timed("run_training_batch");
  if (given.empty()) {  // Python's None
    warn("the train loader gave an empty batch; it is skipped");
    batches_done_ = batch_idx_ + 1;
    place_ = Place::batch_end;
    calls_.on_train_batch_end({}, given, batch_idx_);
    place_ = Place::batch_logged;
    return;
  }
  const Batch batch = trainer_.transfer(std::move(given), 0);
  trainer_.batch_ = &batch;
  batch_ = &batch;
  if (calls_.on_train_batch_start(batch, batch_idx_) == -1) {
    skip_rest_ = true;
    trainer_.is_last_batch_ = true;
    update_lr_schedulers("epoch", /*plateau=*/false);
    trainer_.batch_ = nullptr;
    return;
  }
  StepOutput outputs;
  if (trainer_.module().automatic_optimization) {
    outputs = run_automatic();
  } else {
    outputs = calls_.module(Hook::training_step, [&](LightningModule& module) {
      return module.training_step(batch, batch_idx_);
    });
    if (outputs.loss.defined()) outputs.loss = outputs.loss.detach();
  }
  update_lr_schedulers("step", /*plateau=*/false);
  if (trainer_.is_last_batch_) {
    update_lr_schedulers("epoch", /*plateau=*/false);
  }
  trained_ = true;
  batches_done_ = batch_idx_ + 1;
  place_ = Place::batch_end;
  calls_.on_train_batch_end(outputs, batch, batch_idx_);
  log_step();
  place_ = Place::batch_logged;
  trainer_.batch_ = nullptr;
}

// The optimizer's step is the outer call: it runs the closure, which is step11's five lines.
StepOutput FitLoop::run_automatic() {
  output_ = {};
  closure_ran_ = false;
  if (accumulating() || trainer_.optimizers_.empty()) {
    run_closure();
  } else {
    LightningOptimizer& optimizer = trainer_.optimizers_.front();
    const Closure closure = [this] {
      run_closure();
      return output_.loss;
    };
    calls_.module(Hook::optimizer_step, [&](LightningModule& module) {
      module.optimizer_step(trainer_.current_epoch_, batch_idx_, optimizer, closure);
    });
    if (!closure_ran_) {
      throw Error(
          "optimizer_step() of the module did not call its closure, so that nothing was learned; "
          "call optimizer.step(closure), or closure() itself");
    }
    ++trainer_.global_step_;
  }
  if (output_.loss.defined()) output_.loss = output_.loss.detach();
  return std::move(output_);
}

void FitLoop::run_closure() {
  closure_ran_ = true;
  const int64_t window = trainer_.options_.accumulate_grad_batches;
  output_ = calls_.module(Hook::training_step, [&](LightningModule& module) {
    return module.training_step(*batch_, batch_idx_);
  });
  const bool has_loss = output_.loss.defined();
  if (has_loss) {
    check_loss(output_.loss);
    if (window > 1) output_.loss = output_.loss / window;
  } else {
    if (!output_.outputs.empty()) {
      throw Error(
          "training_step() returned outputs without a loss; return {loss, outputs}, or {} to skip "
          "the batch");
    }
    warn("training_step() returned nothing; the batch is skipped");
  }
  if (batch_idx_ % window == 0 && !trainer_.optimizers_.empty()) {
    torch::optim::Optimizer& optimizer = *trainer_.optimizers_.front();
    calls_.on_before_zero_grad(optimizer);
    calls_.module(Hook::optimizer_zero_grad, [&](LightningModule& module) {
      module.optimizer_zero_grad(trainer_.current_epoch_, batch_idx_, optimizer);
    });
  }
  if (!has_loss) return;
  calls_.on_before_backward(output_.loss);
  try {
    calls_.module(Hook::backward, [&](LightningModule& module) { module.backward(output_.loss); });
  } catch (const course::Error&) {
    throw;
  } catch (const std::exception& error) {  // libtorch's, of the anomaly mode
    if (!trainer_.options_.detect_anomaly) throw;
    const std::string what = error.what();
    throw Error(fmt::format("the backward pass of batch {} in epoch {} failed: {}", batch_idx_,
                            trainer_.current_epoch_, what.substr(0, what.find('\n'))));
  }
  calls_.on_after_backward();
}

void FitLoop::check_loss(const torch::Tensor& loss) const {
  if (loss.numel() != 1) {
    throw Error(fmt::format(
        "training_step() returned a loss of shape {}, but it must be one number; take its mean()",
        c10::str(loss.sizes())));
  }
  if (!loss.requires_grad()) {
    throw Error(
        "training_step() returned a loss without a graph, so that nothing can be learned from it; "
        "was it detached, computed under no_grad, or is every parameter frozen?");
  }
  if (trainer_.options_.detect_anomaly && !std::isfinite(loss.item<double>())) {
    throw Error(fmt::format("the loss of batch {} in epoch {} is not finite", batch_idx_,
                            trainer_.current_epoch_));
  }
}

// Is this batch in the middle of a window of accumulated gradients?
bool FitLoop::accumulating() const {
  return (batch_idx_ + 1) % trainer_.options_.accumulate_grad_batches != 0 &&
         !trainer_.is_last_batch_;
}

// In others no loader is asked for.
bool FitLoop::validates_in_this_epoch() const {
  const auto& every = trainer_.options_.check_val_every_n_epoch;
  return !every || (trainer_.current_epoch_ + 1) % *every == 0;
}

bool FitLoop::validation_is_due() const {
  const TrainerOptions& options = trainer_.options_;
  if (!trainer_.enable_validation() || !validates_in_this_epoch()) return false;
  const auto& every = options.check_val_every_n_epoch;
  if (trainer_.should_stop && may_stop()) return true;
  if (const auto* span = std::get_if<Duration>(&options.val_check_interval)) {
    return steady_seconds() - last_validation_ >= span->seconds();
  }
  if (val_check_batches_ == Trainer::unlimited()) return trainer_.is_last_batch_;
  return ((every ? batch_idx_ : total_batch_idx_) + 1) % val_check_batches_ == 0;
}

void FitLoop::validate() {
  trainer_.update_metrics(/*on_step=*/true);  // while the training's values are at hand
  if (!accumulating()) {
    calls_.module(Hook::on_validation_model_zero_grad,
                  [](LightningModule& module) { module.on_validation_model_zero_grad(); });
  }
  trainer_.state_.stage = TrainerState::Stage::validating;
  validation_.load_if_needed();
  validation_.run(Trainer::unlimited());
  trainer_.state_.stage = TrainerState::Stage::training;
  trainer_.results_ = &results;
  trainer_.results_on_step_ = true;
  last_validation_ = steady_seconds();
}

// Those that are due: by `interval`, and of the kind that steps by a metric or not.
void FitLoop::update_lr_schedulers(std::string_view interval, bool plateau) {
  if (trainer_.schedulers_.empty() || !trainer_.module().automatic_optimization) return;
  const bool by_step = interval == "step";
  if (by_step && accumulating()) return;
  const int64_t count = by_step ? batch_idx_ : trainer_.current_epoch_;
  for (const LRSchedulerConfig& config : trainer_.schedulers_) {
    const bool due = config.interval == interval && config.scheduler->needs_metric() == plateau &&
                     (count + 1) % config.frequency == 0;
    if (!due) continue;
    std::optional<double> metric;
    if (plateau) {
      const Metrics& metrics = trainer_.callback_metrics();
      const auto found = metrics.find(config.monitor);
      if (found == metrics.end()) {
        std::string known;
        for (const auto& [name, value] : metrics) known += " " + name;
        const std::string text =
            fmt::format("a scheduler steps by the metric {}, which is not there; logged so far:{}",
                        config.monitor, known.empty() ? " nothing" : known);
        if (config.strict) {
          throw Error(text +
                      "; if it is logged more seldom than the scheduler steps, set its "
                      "frequency");
        }
        warn(text);
        continue;
      }
      metric = found->second.value();
    }
    calls_.module(Hook::lr_scheduler_step, [&](LightningModule& module) {
      module.lr_scheduler_step(*config.scheduler, metric);
    });
    ++scheduler_steps_;
  }
}

// What was logged in this batch, to the loggers, if it is time.
void FitLoop::log_step() {
  if (accumulating() || trainer_.loggers_.empty()) return;
  if (!trainer_.should_update_logs()) return;
  Metrics metrics;
  results.collect(/*on_step=*/true, /*training=*/true, {.logged = &metrics});
  trainer_.send(std::move(metrics), trainer_.batches_that_stepped_, /*with_epoch=*/true);
}

// Behind all hooks of the epoch's end: what they have logged is there for a plateau scheduler.
void FitLoop::finish_epoch() {
  trainer_.update_metrics(/*on_step=*/false);
  if (trainer_.is_last_batch_) {
    update_lr_schedulers("epoch", /*plateau=*/true);
  }
  Metrics metrics;
  results.collect(/*on_step=*/false, /*training=*/true, {.logged = &metrics});
  trainer_.send(std::move(metrics), trainer_.batches_that_stepped_ - 1, /*with_epoch=*/true);
  results.reset();
  ++trainer_.current_epoch_;
  batches_done_ = 0;
  place_ = Place::epoch_start;
}

bool FitLoop::may_stop() const {
  return trainer_.current_epoch_ >= trainer_.min_epochs_ &&
         trainer_.global_step_ >= trainer_.options_.min_steps.value_or(0);
}

// --- Checkpoints ------------------------------------------------------------------------------

const char* FitLoop::name_of(Place place) {
  switch (place) {
    case Place::epoch_start:
      return "epoch_start";
    case Place::batch_start:
      return "batch_start";
    case Place::batch_end:
      return "batch_end";
    case Place::batch_logged:
      return "batch_logged";
    case Place::validated:
      return "validated";
    case Place::epoch_end:
      break;
  }
  return "epoch_end";
}

FitLoop::Place FitLoop::place_of(const std::string& name) {
  for (const Place place : {Place::epoch_start, Place::batch_start, Place::batch_end,
                            Place::batch_logged, Place::validated, Place::epoch_end}) {
    if (name == name_of(place)) return place;
  }
  throw Error("the checkpoint was written at \"" + name + "\", which is no place in an epoch");
}

namespace {

// Lightning's counters of one thing: those of all epochs, and those of this one.
course::Dict progress(const course::Dict& total, const course::Dict& current) {
  return {{"total", total}, {"current", current}};
}
course::Dict counter(int64_t ready, int64_t processed, int64_t completed) {
  return {{"ready", ready}, {"started", ready}, {"processed", processed}, {"completed", completed}};
}
course::Dict counter_of_steps(int64_t steps) {
  return {{"ready", steps}, {"completed", steps}};
}

std::map<const Metric*, std::string> metric_names(const LightningModule& module) {
  std::map<const Metric*, std::string> names;
  for (const auto& part : module.named_modules()) {
    const auto* metric = dynamic_cast<const Metric*>(part.value().get());
    if (metric != nullptr) names.emplace(metric, part.key());
  }
  return names;
}

std::map<std::string, std::shared_ptr<Metric>> metrics_by_name(const LightningModule& module) {
  std::map<std::string, std::shared_ptr<Metric>> metrics;
  for (const auto& part : module.named_modules()) {
    if (auto metric = std::dynamic_pointer_cast<Metric>(part.value())) {
      metrics.emplace(part.key(), std::move(metric));
    }
  }
  return metrics;
}

}  // namespace

FitLoop::Place FitLoop::place() const {
  // The validation that has just ended is not to be done again.
  const bool validated = place_ == Place::batch_logged && trainer_.hook_ == Hook::on_validation_end;
  return validated ? Place::validated : place_;
}

course::Dict FitLoop::state_dict() {
  const Place place = this->place();
  course::Dict state = counters(place);
  state.set("lit", own_state(place));
  return state;
}

// What Lightning goes on by.
course::Dict FitLoop::counters(Place place) const {
  const bool at_end = place == Place::epoch_end;
  const bool in_epoch = !at_end && place != Place::epoch_start;
  const int64_t epochs = trainer_.current_epoch_;
  const course::Dict of_epochs =
      counter(epochs + (in_epoch || at_end ? 1 : 0), epochs + (at_end ? 1 : 0), epochs);

  const int64_t ready = batch_idx_ + 1;
  const int64_t processed = in_epoch ? batches_done_ : ready;
  const int64_t completed = processed - (place == Place::batch_end ? 1 : 0);
  const int64_t before = total_batch_idx_ + 1 - ready;  // of the epochs before

  const bool automatic = trainer_.module().automatic_optimization;
  const int64_t steps = automatic ? trainer_.global_step_ : 0;
  const int64_t steps_of_epoch = automatic ? steps - steps_before_epoch_ : 0;
  const course::Dict of_steps = progress(counter_of_steps(steps), counter_of_steps(steps_of_epoch));
  // Gradients are dropped before each step, after the first batch of its window.
  const auto drops = [](int64_t of) {
    return course::Dict{{"ready", of}, {"started", of}, {"completed", of}};
  };
  const course::Dict of_drops = progress(drops(steps), drops(steps_of_epoch));
  const course::Dict of_schedulers =
      progress(counter_of_steps(scheduler_steps_),
               counter_of_steps(scheduler_steps_ - scheduler_steps_before_epoch_));
  const course::Dict by_hand = counter_of_steps(automatic ? 0 : trainer_.global_step_);
  return {{"state_dict", course::Dict{}},
          {"epoch_loop.state_dict",
           course::Dict{{"_batches_that_stepped", trainer_.batches_that_stepped_}}},
          {"epoch_loop.batch_progress",
           course::Dict{{"total", counter(before + ready, before + processed, before + completed)},
                        {"current", counter(ready, processed, completed)},
                        {"is_last_batch", trainer_.is_last_batch_ && ready == processed}}},
          {"epoch_loop.automatic_optimization.optim_progress",
           course::Dict{{"optimizer", course::Dict{{"step", of_steps}, {"zero_grad", of_drops}}}}},
          {"epoch_loop.automatic_optimization.state_dict", course::Dict{}},
          {"epoch_loop.manual_optimization.state_dict", course::Dict{}},
          {"epoch_loop.scheduler_progress", of_schedulers},
          {"epoch_loop.val_loop.state_dict", course::Dict{}},
          {"epoch_loop.manual_optimization.optim_step_progress", progress(by_hand, by_hand)},
          {"epoch_loop.val_loop.batch_progress", validation_.progress()},
          {"epoch_progress", progress(of_epochs, of_epochs)}};
}

// What goes on exactly as if nothing had been, and Lightning does not keep.
course::Dict FitLoop::own_state(Place place) {
  const bool in_epoch = place != Place::epoch_start && place != Place::epoch_end;
  const int64_t batches = batches_done_;
  // A batch that was fetched and is not done is to be fetched again; what is known of it is not.
  const bool again = place == Place::batch_start && fetcher_.count() > batches;
  const bool is_last_batch = trainer_.is_last_batch_ && !again;
  const int64_t not_done = in_epoch ? batch_idx_ + 1 - batches : 0;

  course::Dict lit{{"place", name_of(place)},
                   {"batches_done", batches},
                   {"total_batch_idx", total_batch_idx_ - not_done},
                   {"is_last_batch", is_last_batch},
                   {"told_of_minimum", told_of_minimum_},
                   {"validation_batches", validation_.state_dict()},
                   {"callback_metrics", state_of(trainer_.callback_metrics())},
                   {"logged_metrics", state_of(trainer_.logged_metrics_)},
                   {"progress_bar_metrics", state_of(trainer_.progress_bar_metrics_)}};
  const auto names = metric_names(trainer_.module());
  lit.set("results", results.state_dict(names));
  course::Dict metrics;
  for (const auto& [metric, name] : names) {
    if (metric->update_called()) metrics.set(name, metric->state_dict());
  }
  lit.set("metrics", metrics);
  if (in_epoch && loader_ != nullptr && !is_last_batch) {
    lit.set("loader", fetcher_.state(again));
  }
  const bool in_window = batches % trainer_.options_.accumulate_grad_batches != 0 && !is_last_batch;
  if (in_epoch && in_window) {
    course::Dict gradients;
    for (const auto& parameter : trainer_.module().named_parameters()) {
      const torch::Tensor& gradient = parameter.value().grad();
      if (gradient.defined()) gradients.set(parameter.key(), gradient.detach());
    }
    lit.set("gradients", gradients);
  }
  const torch::Device device = trainer_.strategy_->root_device();
  course::Dict random{{"cpu", generator_state(torch::kCPU)}};
  if (!device.is_cpu()) random.set("device", generator_state(device));
  lit.set("random", random);
  return lit;
}

// Counters that are not there are 0, as in Lightning, whose older versions had fewer.
void FitLoop::load_state_dict(const course::Dict& state) {
  using course::dict, course::whole;
  int64_t stepped = 0;
  if (state.find("epoch_loop.state_dict") != nullptr) {
    const course::Dict& loop = dict(state, "epoch_loop.state_dict");
    if (loop.find("_batches_that_stepped") != nullptr) {
      stepped = whole(loop, "_batches_that_stepped");
    }
  }
  trainer_.batches_that_stepped_ = stepped;
  load_counters(state);
  if (state.find("lit") != nullptr) {
    trainer_.batches_that_stepped_ = stepped;
    trainer_.current_epoch_ = whole(dict(dict(state, "epoch_progress"), "current"), "completed");
    resumes_by_counters_ = false;
    load_own(dict(state, "lit"));
  }
  if (resume_ == Place::epoch_start) resume_.reset();
}

// As Lightning reads its counters: an epoch that was begun and is not processed goes on behind its
// batches that are.
void FitLoop::load_counters(const course::Dict& state) {
  using course::dict;
  struct Counter {
    int64_t ready = 0, started = 0, processed = 0, completed = 0;
  };
  const auto read = [&](const char* of, const char* which) {
    Counter counter;
    if (state.find(of) == nullptr) return counter;
    const auto number = [&](const char* name, int64_t& to) {
      const course::Dict& from = dict(dict(state, of), which);
      if (from.find(name) != nullptr) to = course::whole(from, name);
    };
    course::within(of, [&] {
      number("ready", counter.ready);
      number("started", counter.started);
      number("processed", counter.processed);
      number("completed", counter.completed);
    });
    return counter;
  };
  const char* const kBatches = "epoch_loop.batch_progress";
  const Counter epochs = read("epoch_progress", "current");
  const Counter batches = read(kBatches, "current"), all = read(kBatches, "total");
  const Counter validation = read("epoch_loop.val_loop.batch_progress", "total");
  const course::Value* known = state.find(kBatches);
  const bool is_last = known != nullptr && known->as_dict().find("is_last_batch") != nullptr &&
                       course::flag(known->as_dict(), "is_last_batch");

  resume_.reset();
  resumes_by_counters_ = true;
  trainer_.current_epoch_ = epochs.processed;
  trainer_.is_last_batch_ = false;
  batch_idx_ = batches.ready - 1;
  total_batch_idx_ = all.processed - 1;
  batches_done_ = 0;
  steps_before_epoch_ = trainer_.global_step_;
  scheduler_steps_ = read("epoch_loop.scheduler_progress", "total").completed;
  scheduler_steps_before_epoch_ = scheduler_steps_;
  if (epochs.ready == epochs.processed) return;  // between two epochs

  const int64_t window = trainer_.options_.accumulate_grad_batches;
  const bool in_batch_end = batches.completed < batches.processed;
  if (in_batch_end && (is_last || batches.processed % window == 0)) {
    ++trainer_.batches_that_stepped_;  // Lightning counts it behind that hook
  }
  // Of the metrics of an epoch nothing was kept: Lightning begins the next one.
  if (in_batch_end && is_last) {
    ++trainer_.current_epoch_;
    return;
  }
  batches_done_ = batches.processed;
  const bool batch_is_over = batches.completed == batches.ready && batches_done_ > 0;
  const bool in_validation = validation.processed < validation.started;
  resume_ = !batch_is_over  ? Place::batch_start
            : in_validation ? Place::batch_logged
                            : Place::validated;
  trainer_.is_last_batch_ = is_last && batch_is_over;
}

// All of it is looked at here, before the run writes anything; the loader's place is its own
// affair.
void FitLoop::load_own(const course::Dict& own) {
  using course::dict, course::flag, course::whole;
  resume_ = place_of(course::text(own, "place"));
  const bool after_a_batch =
      resume_ == Place::batch_end || resume_ == Place::batch_logged || resume_ == Place::validated;
  batches_done_ = whole(own, "batches_done", after_a_batch ? 1 : 0);
  const int64_t total_batch_idx = whole(own, "total_batch_idx", -1);
  // Version 0.1 counted the epoch that was over twice.
  if (resume_ != Place::epoch_start) total_batch_idx_ = total_batch_idx;
  trainer_.is_last_batch_ = flag(own, "is_last_batch");
  told_of_minimum_ = flag(own, "told_of_minimum");
  validation_.load_state_dict(dict(own, "validation_batches"));
  const auto metrics_at = [&](const char* key) {
    return course::within(key, [&] { return metrics_of(dict(own, key)); });
  };
  trainer_.callback_metrics_ = metrics_at("callback_metrics");
  trainer_.logged_metrics_ = metrics_at("logged_metrics");
  trainer_.progress_bar_metrics_ = metrics_at("progress_bar_metrics");
  const auto metrics = metrics_by_name(trainer_.module());
  for (const auto& [key, saved] : dict(own, "metrics")) {
    const std::string& name = course::text(key, "a key of metrics");
    const auto found = metrics.find(name);
    if (found == metrics.end()) {
      throw Error("the checkpoint has the metric " + name + ", which the module does not have");
    }
    const std::string at = "metrics." + name;
    const course::Dict& one = dict(saved, at);
    course::within(at, [&] { found->second->load_state_dict(one); });
  }
  results.load_state_dict(dict(own, "results"), metrics);
  if (own.find("loader") != nullptr) dict(own, "loader");
  if (own.find("gradients") != nullptr) check_gradients(dict(own, "gradients"));
  const course::Dict& random = dict(own, "random");
  checked_generator_state(random, "cpu", torch::kCPU);
  const torch::Device device = trainer_.strategy_->root_device();
  if (random.find("device") != nullptr && !device.is_cpu()) {
    checked_generator_state(random, "device", device);
  }
  saved_ = own;
}

void FitLoop::check_gradients(const course::Dict& gradients) const {
  const auto parameters = trainer_.module().named_parameters();
  for (const auto& [key, gradient] : gradients) {
    const std::string& name = course::text(key, "a key of gradients");
    const torch::Tensor* parameter = parameters.find(name);
    if (parameter == nullptr) {
      throw Error("the checkpoint has a gradient of " + name + ", which the module does not have");
    }
    course::tensor(gradient, "gradients." + name, parameter->sizes(), parameter->scalar_type());
  }
}

// With the train loader at hand, and after on_train_start: what that draws at random was drawn
// before.
void FitLoop::resume_epoch(Place from) {
  batch_idx_ = batches_done_ - 1;
  place_ = from;
  // An epoch without further batches needs no loader: this one may have other batches by now.
  if (from != Place::epoch_end && !trainer_.is_last_batch_) resume_loader();
  if (saved_) {
    if (const course::Value* gradients = saved_->find("gradients")) {
      for (auto& parameter : trainer_.module().named_parameters()) {
        const course::Value* gradient = gradients->as_dict().find(parameter.key());
        if (gradient == nullptr) continue;
        parameter.value().mutable_grad() =
            gradient->as_tensor().to(parameter.value().device()).clone();
      }
    }
  }
  restore_random_streams();
  if (from == Place::batch_end) log_step();
  // Lightning's counters are the same when the next batch could not be fetched.
  if (std::exchange(resumes_by_counters_, false) && from == Place::validated &&
      !trainer_.is_last_batch_ && !validation_is_due()) {
    place_ = from = Place::batch_start;
  }
  if (from != Place::batch_start && from != Place::epoch_end) {
    finish_batch(/*validated=*/from == Place::validated);
  }
}

void FitLoop::resume_loader() {
  const course::Value* position = saved_ ? saved_->find("loader") : nullptr;
  go_on_with(trainer_.ckpt_path(), [&] {
    if (position != nullptr) {
      course::within("loader", [&] { loader_->load_state_dict(position->as_dict()); });
    }
    loader_->begin_epoch(trainer_.current_epoch_);
    if (position == nullptr) pass_over_batches();
  });
  fetcher_.begin(batches_done_);
}

// Lightning does not keep the loader's place.
void FitLoop::pass_over_batches() {
  const auto refuse = [&](int64_t there) {
    throw Error(fmt::format(
        "it was written in the middle of an epoch, after {} batches, but the loader has only {}; "
        "give it the same batch size and data, or resume from a checkpoint of an epoch's end",
        batches_done_, there));
  };
  const std::optional<int64_t> batches = loader_->batches();
  if (batches && *batches < batches_done_) refuse(*batches);
  const int64_t there = loader_->pass_over(batches_done_);
  if (there < batches_done_) refuse(there);
}

void FitLoop::restore_random_streams() {
  if (!saved_) return;
  const course::Dict& random = saved_->at("random").as_dict();
  set_generator_state(torch::kCPU, random.at("cpu").as_tensor());
  const torch::Device device = trainer_.strategy_->root_device();
  const course::Value* other = random.find("device");
  if (other != nullptr && !device.is_cpu()) set_generator_state(device, other->as_tensor());
  saved_.reset();
}

}  // namespace lit
