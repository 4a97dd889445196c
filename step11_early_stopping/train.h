// Training: the epoch loop.
#pragma once

#include "config.h"
#include "datasets.h"
#include "logging.h"
#include "models/classifier.h"
#include "seed.h"
#include "terminal/progress.h"

/// The optimizer that the config names, for the model's parameters.
std::unique_ptr<torch::optim::Optimizer> make_optimizer(const Classifier& model,
                                                        const Config& config);

/// Every batch once. Returns the mean loss of its samples.
double train_one_epoch(Classifier& model, EpochLoader& loader, torch::optim::Optimizer& optimizer,
                       const torch::Device& device, course::ProgressBar& progress);

/// The losses of a run, and how it ended.
struct History {
  std::vector<double> epochs, train_loss, validation_loss;
  int64_t best_epoch = 0;
  std::string reason;
};

/// Trains the model, which must be on the device already, until the validation loss stops getting
/// better; logs each epoch and writes its metrics. In the end the model has the weights of the best
/// epoch, which `folder`/model.pt has as soon as that epoch is over.
History train(Classifier& model, const Splits& splits, const torch::Device& device,
              const Config& config, const Seeds& seeds, MetricsFile& metrics,
              const std::filesystem::path& folder);
