// Training: the epoch loop.
#pragma once

#include "datasets.h"
#include "models/classifier.h"

struct TrainOptions {
  int64_t epochs = 10;
  int64_t batch_size = 64;
  double learning_rate = 0.1;
};

/// Trains the model, which must be on the device already, and prints a line for each epoch.
void train(Classifier& model, const ImageDataset& dataset, const torch::Device& device,
           const TrainOptions& options);
