// Validation and test: every batch of every loader, without gradients.
#include "lit/loops/evaluation_loop.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <optional>

#include "lit/core/messages.h"
#include "lit/loops/fetcher.h"
#include "serialize/checked.h"
#include "terminal/interrupt.h"

namespace lit {

// What differs between validation and test: names.
struct EvaluationLoop::Names {
  const char* text;
  Hook loaders, step, model_eval, model_train, start, end, epoch_start, epoch_end, batch_start,
      batch_end;
  StepOutput (LightningModule::*run_step)(const Batch&, int64_t, int64_t);
  void (LightningModule::*do_eval)();
  void (LightningModule::*do_train)();
  void (Callback::*cb_start)(Trainer&, LightningModule&);
  void (LightningModule::*lm_start)();
  void (Callback::*cb_end)(Trainer&, LightningModule&);
  void (LightningModule::*lm_end)();
  void (Callback::*cb_epoch_start)(Trainer&, LightningModule&);
  void (LightningModule::*lm_epoch_start)();
  void (Callback::*cb_epoch_end)(Trainer&, LightningModule&);
  void (LightningModule::*lm_epoch_end)();
  void (Callback::*cb_batch_start)(Trainer&, LightningModule&, const Batch&, int64_t, int64_t);
  void (LightningModule::*lm_batch_start)(const Batch&, int64_t, int64_t);
  void (Callback::*cb_batch_end)(Trainer&, LightningModule&, const StepOutput&, const Batch&,
                                 int64_t, int64_t);
  void (LightningModule::*lm_batch_end)(const StepOutput&, const Batch&, int64_t, int64_t);
};

const EvaluationLoop::Names& EvaluationLoop::names() const {
#define LIT_EVALUATION_NAMES(text, name, step)                                                     \
  {                                                                                                \
    text, Hook::step##_dataloader, Hook::name##_step, Hook::on_##name##_model_eval,                \
        Hook::on_##name##_model_train, Hook::on_##name##_start, Hook::on_##name##_end,             \
        Hook::on_##name##_epoch_start, Hook::on_##name##_epoch_end, Hook::on_##name##_batch_start, \
        Hook::on_##name##_batch_end, &LightningModule::name##_step,                                \
        &LightningModule::on_##name##_model_eval, &LightningModule::on_##name##_model_train,       \
        &Callback::on_##name##_start, &LightningModule::on_##name##_start,                         \
        &Callback::on_##name##_end, &LightningModule::on_##name##_end,                             \
        &Callback::on_##name##_epoch_start, &LightningModule::on_##name##_epoch_start,             \
        &Callback::on_##name##_epoch_end, &LightningModule::on_##name##_epoch_end,                 \
        &Callback::on_##name##_batch_start, &LightningModule::on_##name##_batch_start,             \
        &Callback::on_##name##_batch_end, &LightningModule::on_##name##_batch_end                  \
  }
  static const Names kValidation = LIT_EVALUATION_NAMES("val", validation, val);
  static const Names kTest = LIT_EVALUATION_NAMES("test", test, test);
#undef LIT_EVALUATION_NAMES
  return kind_ == Kind::validation ? kValidation : kTest;
}

void EvaluationLoop::load_if_needed() {
  const int64_t every = trainer_.options_.reload_dataloaders_every_n_epochs;
  const bool again = every > 0 && trainer_.current_epoch_ - loaded_in_epoch_ >= every;
  if (loaded_ && !again) return;
  const TrainerOptions& options = trainer_.options_;
  const bool in_fit = trainer_.state_.fn == TrainerState::Fn::fit;
  loaded_ = true;
  loaded_in_epoch_ = trainer_.current_epoch_;
  batches_.clear();
  if (in_fit && !trainer_.validates()) {
    if (!given_.empty() && !trainer_.module_->hooks().has(Hook::validation_step)) {
      warn(
          "fit was given a loader to validate with, but the module has no validation_step; "
          "validation is skipped");
    }
    loaders_ = {};
  } else {
    loaders_ = trainer_.request_loaders(names().loaders, given_);
    if (in_fit && loaders_.empty()) {
      warn(
          "the module has a validation_step, but there is no loader for it; validation is skipped");
    }
  }
  const Limit& limit = kind_ == Kind::test ? options.limit_test_batches : options.limit_val_batches;
  for (const auto& loader : loaders_) {
    batches_.push_back(trainer_.limited(names().text, limit, *loader));
    if (loader->shuffles()) {
      warn(fmt::format("a {} loader shuffles; an evaluation needs no order but the same one",
                       names().text));
    }
  }
  (kind_ == Kind::test ? trainer_.num_test_batches_ : trainer_.num_val_batches_) = batches_;
}

bool EvaluationLoop::has_loaders() const {
  return loaded_ ? !loaders_.empty() : trainer_.has_source(names().loaders, given_);
}

std::vector<Scores> EvaluationLoop::run(int64_t at_most) {
  const bool nothing =
      std::all_of(batches_.begin(), batches_.end(), [](int64_t n) { return n == 0; });
  if (nothing) return {};
  const Names& names = this->names();
  // Inference mode is for evaluations that stand alone: its tensors cannot be trained with.
  const torch::NoGradGuard no_grad;  // first: each puts back what it found
  std::optional<torch::InferenceMode> inference;
  if (trainer_.state_.fn != TrainerState::Fn::fit && trainer_.options_.inference_mode) {
    inference.emplace();
  }
  results.reset();
  trainer_.results_ = &results;
  trainer_.results_on_step_ = true;
  seen_.resize(loaders_.size());
  started_ = completed_ = 0;
  is_last_ = false;

  trainer_.save_modes();
  calls_.module(names.model_eval, [&](LightningModule& module) { (module.*names.do_eval)(); });
  calls_.both(names.start, names.cb_start, names.lm_start);
  calls_.both(names.epoch_start, names.cb_epoch_start, names.lm_epoch_start);
  for (size_t i = 0; i < loaders_.size(); ++i) run_loader(i, std::min(batches_[i], at_most));
  trainer_.update_metrics(/*on_step=*/true);
  trainer_.results_on_step_ = false;
  calls_.both(names.epoch_end, names.cb_epoch_end, names.lm_epoch_end);
  log_epoch();
  // In fit nobody asks for them, and a device would have to be waited for.
  std::vector<Scores> result;
  if (trainer_.state_.fn != TrainerState::Fn::fit) result = scores();
  calls_.both(names.end, names.cb_end, names.lm_end);
  calls_.module(names.model_train, [&](LightningModule& module) { (module.*names.do_train)(); });
  trainer_.update_metrics(/*on_step=*/false);
  results.reset();
  return result;
}

void EvaluationLoop::run_loader(size_t index, int64_t batches) {
  Fetcher fetcher(loaders_[index], batches);
  loaders_[index]->begin_epoch(trainer_.current_epoch_);
  fetcher.begin();
  // The number of the loader is part of a metric's name only where there are several.
  trainer_.dataloader_idx_ = loaders_.size() > 1 ? static_cast<int64_t>(index) : -1;
  const auto next = [&] {
    const Profiler::Scope timed = trainer_.timed(
        kind_ == Kind::test ? "[_EvaluationLoop].test_next" : "[_EvaluationLoop].val_next");
    return fetcher.next();
  };
  while (!fetcher.is_last()) {
    course::throw_if_interrupted();
    auto batch = next();
    if (!batch) break;
    ++started_;
    run_batch(std::move(*batch), fetcher.count() - 1, static_cast<int64_t>(index));
    ++completed_;
    is_last_ = fetcher.is_last() && index + 1 == loaders_.size();
    if (trainer_.state_.fn != TrainerState::Fn::fit) trainer_.profiler().step();
    log_step(index);
  }
  trainer_.dataloader_idx_ = -1;
  if (fetcher.count() == 0 && batches > 0) {
    throw Error(fmt::format("{} loader {} gave no batch; is its data set empty, or used up?",
                            names().text, index));
  }
}

void EvaluationLoop::run_batch(Batch given, int64_t batch_idx, int64_t dataloader_idx) {
  const Names& names = this->names();
  const Batch batch = trainer_.transfer(std::move(given), dataloader_idx);
  trainer_.batch_ = &batch;
  calls_.both(names.batch_start, names.cb_batch_start, names.lm_batch_start, batch, batch_idx,
              dataloader_idx);
  const StepOutput outputs = calls_.module(names.step, [&](LightningModule& module) {
    return (module.*names.run_step)(batch, batch_idx, dataloader_idx);
  });
  calls_.both(names.batch_end, names.cb_batch_end, names.lm_batch_end, outputs, batch, batch_idx,
              dataloader_idx);
  trainer_.batch_ = nullptr;
}

// What was logged for this batch, under the number of batches of this loader so far.
void EvaluationLoop::log_step(size_t loader) {
  if (trainer_.sanity_checking()) return;
  const int64_t step = seen_[loader]++;
  if (trainer_.loggers_.empty()) return;
  Metrics metrics;
  results.collect(/*on_step=*/true, /*training=*/false, {.logged = &metrics},
                  loaders_.size() > 1 ? static_cast<int64_t>(loader) : -1);
  trainer_.send(std::move(metrics), step, /*with_epoch=*/false);
}

// What was logged for the epoch, to the loggers in one row.
void EvaluationLoop::log_epoch() {
  trainer_.update_metrics(/*on_step=*/false);
  if (trainer_.sanity_checking()) return;
  Metrics logged;
  results.collect(/*on_step=*/false, /*training=*/false, {.logged = &logged});
  trainer_.send(std::move(logged), trainer_.batches_that_stepped_, /*with_epoch=*/true);
}

// The same as numbers, for each loader.
std::vector<Scores> EvaluationLoop::scores() const {
  std::vector<Scores> scores(loaders_.size());
  for (size_t i = 0; i < scores.size(); ++i) {
    Metrics metrics;  // of the epoch as a whole, and of this loader
    const Results::Sinks sinks{.callback = &metrics};
    results.collect(/*on_step=*/false, /*training=*/false, sinks, -1);
    if (scores.size() > 1) {
      results.collect(/*on_step=*/false, /*training=*/false, sinks, static_cast<int64_t>(i));
    }
    for (const auto& [name, value] : metrics) scores[i].emplace(name, value.value());
  }
  return scores;
}

course::Dict EvaluationLoop::state_dict() const {
  course::List seen;
  for (const int64_t batches : seen_) seen.emplace_back(batches);
  return {{"seen", seen}};
}

namespace {

course::Dict batch_progress(int64_t started, int64_t completed, bool is_last) {
  const course::Dict counter{
      {"ready", started}, {"started", started}, {"processed", completed}, {"completed", completed}};
  return {{"total", counter}, {"current", counter}, {"is_last_batch", is_last}};
}

}  // namespace

course::Dict EvaluationLoop::progress() const {
  return batch_progress(started_, completed_, is_last_);
}

course::Dict EvaluationLoop::not_run() {
  return {{"state_dict", course::Dict{}}, {"batch_progress", batch_progress(0, 0, false)}};
}

void EvaluationLoop::load_state_dict(const course::Dict& state) {
  seen_.clear();
  for (const course::Value& batches : course::list(state, "seen")) {
    seen_.push_back(course::whole(batches, fmt::format("seen[{}]", seen_.size())));
  }
}

}  // namespace lit
