// Validation and test: every batch of every loader, without gradients.
#include "lit/loops/evaluation_loop.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "lit/core/messages.h"
#include "lit/error.h"
#include "terminal/interrupt.h"

namespace lit {

// What differs between validation and test: names.
struct EvaluationLoop::Names {
  const char* text;
  Hook loaders, step, model_eval, model_train, start, end, epoch_start, epoch_end, batch_start,
      batch_end;
  StepOutput (Strategy::*run_step)(LightningModule&, const Batch&, int64_t, int64_t);
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
        Hook::on_##name##_batch_end, &Strategy::name##_step,                                       \
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
  const TrainerOptions& options = parts_.config.options;
  const int64_t every = options.reload_dataloaders_every_n_epochs;
  const int64_t epoch = parts_.progress.current_epoch;
  if (loaded_ && !(every > 0 && epoch - loaded_in_epoch_ >= every)) return;
  loaded_ = true;
  loaded_in_epoch_ = epoch;
  const bool in_fit = parts_.config.in_fit();
  if (in_fit && !parts_.data.validates()) {
    if (!given_.empty() && !parts_.hooks.of_module(Hook::validation_step)) {
      warn(
          "fit was given a loader to validate with, but the module has no validation_step; "
          "validation is skipped");
    }
    loaders_ = {};
  } else {
    loaders_ = parts_.data.request(names().loaders, given_);
    if (in_fit && loaders_.empty()) {
      warn(
          "the module has a validation_step, but there is no loader for it; validation is skipped");
    }
  }
  parts_.batches.clear();
  for (const auto& loader : loaders_) {
    parts_.batches.push_back(parts_.data.limited(names().text, *loader));
    if (loader->shuffles()) {
      warn(fmt::format("a {} loader shuffles; an evaluation needs no order but the same one",
                       names().text));
    }
  }
}

bool EvaluationLoop::has_loaders() const {
  return loaded_ ? !loaders_.empty() : parts_.data.has_source(names().loaders, given_);
}

std::vector<Scores> EvaluationLoop::run(int64_t at_most, const std::function<void()>& when_done) {
  const std::vector<int64_t> batches = parts_.batches;
  const bool nothing =
      std::all_of(batches.begin(), batches.end(), [](int64_t n) { return n == 0; });
  if (nothing) return {};
  const Names& names = this->names();
  Hooks& hooks = parts_.hooks;
  const bool by_itself = !parts_.config.in_fit();
  // Inference mode is for evaluations that stand alone: its tensors cannot be trained with.
  const torch::NoGradGuard no_grad;  // first: each puts back what it found
  std::optional<torch::InferenceMode> inference;
  if (by_itself && parts_.config.options.inference_mode) inference.emplace();
  parts_.log.begin_evaluation();
  parts_.counts.batches.resize(loaders_.size());
  parts_.counts.started = parts_.counts.completed = 0;
  parts_.counts.is_last_batch = false;

  parts_.modes.save(hooks.the_module());
  hooks.module(names.model_eval, [&](LightningModule& module) { (module.*names.do_eval)(); });
  hooks.both(names.start, names.cb_start, names.lm_start);
  hooks.both(names.epoch_start, names.cb_epoch_start, names.lm_epoch_start);
  for (size_t i = 0; i < loaders_.size(); ++i) run_loader(i, std::min(batches[i], at_most));
  parts_.log.end_evaluation_steps();
  hooks.both(names.epoch_end, names.cb_epoch_end, names.lm_epoch_end);
  parts_.log.end_evaluation_epoch();
  // In fit nobody asks for them, and a device would have to be waited for.
  std::vector<Scores> scores;
  if (by_itself) scores = parts_.log.scores(loaders_.size());
  if (when_done) when_done();
  hooks.both(names.end, names.cb_end, names.lm_end);
  hooks.module(names.model_train, [&](LightningModule& module) { (module.*names.do_train)(); });
  parts_.log.end_evaluation();
  return scores;
}

void EvaluationLoop::run_loader(size_t index, int64_t batches) {
  Fetcher fetcher(loaders_[index], batches);
  loaders_[index]->begin_epoch(parts_.progress.current_epoch);
  fetcher.begin();
  // The number of the loader is part of a metric's name only where there are several.
  const During<int64_t> of_loader(parts_.moment.dataloader_idx,
                                  loaders_.size() > 1 ? static_cast<int64_t>(index) : -1);
  const auto next = [&] {
    const Profiler::Scope timed = parts_.hooks.timed(
        kind_ == Kind::test ? "[_EvaluationLoop].test_next" : "[_EvaluationLoop].val_next");
    return fetcher.next();
  };
  while (!fetcher.is_last()) {
    course::throw_if_interrupted();
    auto batch = next();
    if (!batch) break;
    ++parts_.counts.started;
    run_batch(std::move(*batch), fetcher.count() - 1, static_cast<int64_t>(index));
    ++parts_.counts.completed;
    parts_.counts.is_last_batch = fetcher.is_last() && index + 1 == loaders_.size();
    if (!parts_.config.in_fit()) parts_.hooks.profiler_step();
    log_step(index);
  }
  if (fetcher.count() == 0 && batches > 0) {
    throw Error(fmt::format("{} loader {} gave no batch; is its data set empty, or used up?",
                            names().text, index));
  }
}

void EvaluationLoop::run_batch(Batch given, int64_t batch_idx, int64_t dataloader_idx) {
  const Names& names = this->names();
  const Batch batch = parts_.data.transfer(std::move(given), dataloader_idx);
  const During<const Batch*> of_batch(parts_.moment.batch, &batch);
  parts_.hooks.both(names.batch_start, names.cb_batch_start, names.lm_batch_start, batch, batch_idx,
                    dataloader_idx);
  const StepOutput outputs = parts_.hooks.module(names.step, [&](LightningModule& module) {
    return (parts_.strategy.*names.run_step)(module, batch, batch_idx, dataloader_idx);
  });
  parts_.hooks.both(names.batch_end, names.cb_batch_end, names.lm_batch_end, outputs, batch,
                    batch_idx, dataloader_idx);
}

// What was logged for this batch, under the number of batches of this loader so far.
void EvaluationLoop::log_step(size_t loader) {
  if (parts_.state.stage == TrainerState::Stage::sanity_checking) return;
  const int64_t step = parts_.counts.batches[loader]++;
  parts_.log.end_evaluation_step(loaders_.size() > 1 ? static_cast<int64_t>(loader) : -1, step);
}

}  // namespace lit
