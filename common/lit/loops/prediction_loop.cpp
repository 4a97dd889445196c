// Prediction: what the module says about every batch, kept.
#include "lit/loops/prediction_loop.h"

#include <torch/torch.h>

#include <algorithm>
#include <optional>

#include "lit/error.h"
#include "lit/loops/fetcher.h"
#include "terminal/interrupt.h"

namespace lit {

std::vector<std::vector<Batch>> PredictionLoop::run(const Loaders& given, bool keep) {
  loaders_ = parts_.data.request(Hook::predict_dataloader, given);
  const Loaders& loaders = loaders_;
  if (loaders.empty()) {
    throw Error(
        "predict has no loader; give it one, or a data module, or let the module have a "
        "predict_dataloader()");
  }
  std::vector<int64_t>& batches = parts_.batches;
  batches.clear();
  for (const auto& loader : loaders) batches.push_back(parts_.data.limited("predict", *loader));
  const bool nothing =
      std::all_of(batches.begin(), batches.end(), [](int64_t n) { return n == 0; });
  if (nothing) return {};

  const torch::NoGradGuard no_grad;  // first: each puts back what it found
  std::optional<torch::InferenceMode> inference;
  if (parts_.config.options.inference_mode) inference.emplace();
  Hooks& hooks = parts_.hooks;
  parts_.modes.save(hooks.the_module());
  hooks.module(Hook::on_predict_model_eval,
               [](LightningModule& module) { module.on_predict_model_eval(); });
  hooks.both(Hook::on_predict_start, &Callback::on_predict_start,
             &LightningModule::on_predict_start);
  hooks.both(Hook::on_predict_epoch_start, &Callback::on_predict_epoch_start,
             &LightningModule::on_predict_epoch_start);
  std::vector<std::vector<Batch>> predictions;
  for (size_t i = 0; i < loaders.size(); ++i) {
    auto outputs = run_loader(loaders[i], batches[i], static_cast<int64_t>(i), keep);
    if (keep) predictions.push_back(std::move(outputs));
  }
  hooks.both(Hook::on_predict_epoch_end, &Callback::on_predict_epoch_end,
             &LightningModule::on_predict_epoch_end);
  hooks.both(Hook::on_predict_end, &Callback::on_predict_end, &LightningModule::on_predict_end);
  hooks.module(Hook::on_predict_model_train,
               [](LightningModule& module) { module.on_predict_model_train(); });
  return predictions;
}

std::vector<Batch> PredictionLoop::run_loader(const std::shared_ptr<Loader>& loader,
                                              int64_t batches, int64_t dataloader_idx, bool keep) {
  Hooks& hooks = parts_.hooks;
  std::vector<Batch> predictions;
  Fetcher fetcher(loader, batches);
  loader->begin_epoch(0);
  fetcher.begin();
  const auto next = [&] {
    const Profiler::Scope timed = hooks.timed("[_PredictionLoop].predict_next");
    return fetcher.next();
  };
  while (!fetcher.is_last()) {
    course::throw_if_interrupted();
    auto given = next();
    if (!given) break;
    const int64_t batch_idx = fetcher.count() - 1;
    const Batch batch = parts_.data.transfer(std::move(*given), dataloader_idx);
    hooks.both(Hook::on_predict_batch_start, &Callback::on_predict_batch_start,
               &LightningModule::on_predict_batch_start, batch, batch_idx, dataloader_idx);
    Batch outputs = hooks.module(Hook::predict_step, [&](LightningModule& module) {
      return parts_.strategy.predict_step(module, batch, batch_idx, dataloader_idx);
    });
    hooks.both(Hook::on_predict_batch_end, &Callback::on_predict_batch_end,
               &LightningModule::on_predict_batch_end, outputs, batch, batch_idx, dataloader_idx);
    if (keep) predictions.push_back(outputs.to(torch::kCPU));
    hooks.profiler_step();
  }
  return predictions;
}

}  // namespace lit
