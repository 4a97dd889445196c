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

/// Trains the model, which must be on the device already; logs each epoch, writes its metrics, and
/// keeps the weights in `folder`/model.pt: after each epoch, and where Ctrl-C ended it.
void train(Classifier& model, const ImageDataset& dataset, const torch::Device& device,
           const Config& config, const Seeds& seeds, MetricsFile& metrics,
           const std::filesystem::path& folder);
