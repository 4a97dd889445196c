// Training: the epoch loop.
#pragma once

#include "config.h"
#include "datasets.h"
#include "models/classifier.h"

/// Trains the model, which must be on the device already, and prints a line for each epoch.
void train(Classifier& model, const ImageDataset& dataset, const torch::Device& device,
           const Config& config);
