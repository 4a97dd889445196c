// Prediction: what the module says about every batch, kept.
#include "lit/loops/prediction_loop.h"

#include <torch/torch.h>

#include <algorithm>
#include <optional>

#include "lit/loops/fetcher.h"
#include "terminal/interrupt.h"

namespace lit {

std::vector<std::vector<Batch>> PredictionLoop::run(const Loaders& given, bool keep) {
  loaders_ = trainer_.request_loaders(Hook::predict_dataloader, given);
  const Loaders& loaders = loaders_;
  if (loaders.empty()) {
    throw Error(
        "predict has no loader; give it one, or a data module, or let the module have a "
        "predict_dataloader()");
  }
  std::vector<int64_t>& batches = trainer_.num_predict_batches_;
  batches.clear();
  for (const auto& loader : loaders) {
    batches.push_back(
        trainer_.limited("predict", trainer_.options_.limit_predict_batches, *loader));
  }
  const bool nothing =
      std::all_of(batches.begin(), batches.end(), [](int64_t n) { return n == 0; });
  if (nothing) return {};

  const torch::NoGradGuard no_grad;  // first: each puts back what it found
  std::optional<torch::InferenceMode> inference;
  if (trainer_.options_.inference_mode) inference.emplace();
  trainer_.save_modes();
  calls_.module(Hook::on_predict_model_eval,
                [](LightningModule& module) { module.on_predict_model_eval(); });
  calls_.both(Hook::on_predict_start, &Callback::on_predict_start,
              &LightningModule::on_predict_start);
  calls_.both(Hook::on_predict_epoch_start, &Callback::on_predict_epoch_start,
              &LightningModule::on_predict_epoch_start);
  std::vector<std::vector<Batch>> predictions;
  for (size_t i = 0; i < loaders.size(); ++i) {
    auto outputs = run_loader(loaders[i], batches[i], static_cast<int64_t>(i), keep);
    if (keep) predictions.push_back(std::move(outputs));
  }
  calls_.both(Hook::on_predict_epoch_end, &Callback::on_predict_epoch_end,
              &LightningModule::on_predict_epoch_end);
  calls_.both(Hook::on_predict_end, &Callback::on_predict_end, &LightningModule::on_predict_end);
  calls_.module(Hook::on_predict_model_train,
                [](LightningModule& module) { module.on_predict_model_train(); });
  return predictions;
}

std::vector<Batch> PredictionLoop::run_loader(const std::shared_ptr<Loader>& loader,
                                              int64_t batches, int64_t dataloader_idx, bool keep) {
  std::vector<Batch> predictions;
  Fetcher fetcher(loader, batches);
  loader->begin_epoch(0);
  fetcher.begin();
  const auto next = [&] {
    const Profiler::Scope timed = trainer_.timed("[_PredictionLoop].predict_next");
    return fetcher.next();
  };
  while (!fetcher.is_last()) {
    course::throw_if_interrupted();
    auto given = next();
    if (!given) break;
    const int64_t batch_idx = fetcher.count() - 1;
    const Batch batch = trainer_.transfer(std::move(*given), dataloader_idx);
    calls_.both(Hook::on_predict_batch_start, &Callback::on_predict_batch_start,
                &LightningModule::on_predict_batch_start, batch, batch_idx, dataloader_idx);
    Batch outputs = calls_.module(Hook::predict_step, [&](LightningModule& module) {
      return module.predict_step(batch, batch_idx, dataloader_idx);
    });
    calls_.both(Hook::on_predict_batch_end, &Callback::on_predict_batch_end,
                &LightningModule::on_predict_batch_end, outputs, batch, batch_idx, dataloader_idx);
    if (keep) predictions.push_back(outputs.to(torch::kCPU));
    trainer_.profiler().step();
  }
  return predictions;
}

}  // namespace lit
