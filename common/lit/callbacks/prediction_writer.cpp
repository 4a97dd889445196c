// BasePredictionWriter, PredictionWriter: predictions to where you want them.
#include "lit/callbacks/prediction_writer.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <utility>

#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/torch_file.h"

namespace lit {

BasePredictionWriter::BasePredictionWriter(Choice<WriteInterval> write_interval) {
  const WriteInterval when = write_interval.of("write_interval of a prediction writer");
  on_batch_ = when != WriteInterval::epoch;
  on_epoch_ = when != WriteInterval::batch;
}

void BasePredictionWriter::write_on_batch_end(Trainer&, LightningModule&, const Batch&,
                                              const torch::Tensor&, const Batch&, int64_t,
                                              int64_t) {
  throw Error("this prediction writer is to write after each batch; override write_on_batch_end()");
}

void BasePredictionWriter::write_on_epoch_end(Trainer&, LightningModule&,
                                              const std::vector<std::vector<Batch>>&,
                                              const std::vector<std::vector<torch::Tensor>>&) {
  throw Error("this prediction writer is to write after the epoch; override write_on_epoch_end()");
}

void BasePredictionWriter::on_predict_epoch_start(Trainer& trainer, LightningModule&) {
  const size_t loaders = trainer.num_predict_batches().size();
  predictions_.assign(loaders, {});
  indices_.assign(loaders, {});
  samples_.assign(loaders, 0);
}

void BasePredictionWriter::on_predict_batch_end(Trainer& trainer, LightningModule& module,
                                                const Batch& outputs, const Batch& batch,
                                                int64_t batch_idx, int64_t dataloader_idx) {
  const auto loader = static_cast<size_t>(dataloader_idx);
  const Batch prediction = outputs.to(torch::kCPU);
  torch::Tensor indices;
  if (!trainer.predict_loader_shuffles(dataloader_idx)) {
    const int64_t first = samples_[loader];
    samples_[loader] += batch.batch_size();
    indices = torch::arange(first, samples_[loader]);
  }
  if (on_batch_) {
    write_on_batch_end(trainer, module, prediction, indices, batch, batch_idx, dataloader_idx);
  }
  if (on_epoch_) {
    predictions_[loader].push_back(prediction);
    indices_[loader].push_back(indices);
  }
}

void BasePredictionWriter::on_predict_epoch_end(Trainer& trainer, LightningModule& module) {
  if (on_epoch_) write_on_epoch_end(trainer, module, predictions_, indices_);
  predictions_.clear();
  indices_.clear();
}

// --- As files ---------------------------------------------------------------------------------

namespace {

course::Value value_of(const Batch& prediction) {
  if (prediction.size() == 1) return prediction[0];
  course::Dict named;
  course::List list;
  for (const Batch::Item& item : prediction) {
    list.emplace_back(item.tensor);
    if (!item.name.empty()) named.set(item.name, item.tensor);
  }
  if (static_cast<int64_t>(named.size()) == prediction.size()) return named;
  return list;
}

course::Dict entry(const Batch& prediction, const torch::Tensor& indices) {
  return {{"predictions", value_of(prediction)},
          {"indices", indices.defined() ? course::Value(indices) : course::Value()}};
}

}  // namespace

PredictionWriter::PredictionWriter(Options options)
    : BasePredictionWriter(options.write_interval), options_(std::move(options)) {
  if (options_.output_dir.empty()) {
    throw Error("PredictionWriter was not told where to write; give it an output_dir");
  }
}

void PredictionWriter::write_on_batch_end(Trainer&, LightningModule&, const Batch& prediction,
                                          const torch::Tensor& batch_indices, const Batch&,
                                          int64_t batch_idx, int64_t dataloader_idx) {
  std::filesystem::create_directories(options_.output_dir);
  course::write_torch_file(
      options_.output_dir / fmt::format("predictions_{}_{:06}.pt", dataloader_idx, batch_idx),
      entry(prediction, batch_indices));
}

void PredictionWriter::write_on_epoch_end(
    Trainer&, LightningModule&, const std::vector<std::vector<Batch>>& predictions,
    const std::vector<std::vector<torch::Tensor>>& batch_indices) {
  course::List loaders;
  for (size_t loader = 0; loader < predictions.size(); ++loader) {
    course::List batches;
    for (size_t i = 0; i < predictions[loader].size(); ++i) {
      batches.emplace_back(entry(predictions[loader][i], batch_indices[loader][i]));
    }
    loaders.emplace_back(batches);
  }
  std::filesystem::create_directories(options_.output_dir);
  course::write_torch_file(options_.output_dir / "predictions.pt", loaders);
}

}  // namespace lit
