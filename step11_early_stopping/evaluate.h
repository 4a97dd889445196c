// Evaluation: what a model does with pictures it never saw, as numbers and as text.
#pragma once

#include "datasets.h"
#include "models/classifier.h"

// What the model does with every sample of a set, in the set's order.
struct Evaluation {
  torch::Tensor labels;       // [N] int64: the right answers
  torch::Tensor predictions;  // [N] int64: the model's
  torch::Tensor losses;       // [N] float: how wrong it was about each

  double loss() const { return losses.mean().item<double>(); }
  double accuracy() const {
    return (predictions == labels).to(torch::kFloat32).mean().item<double>();
  }
};

/// How good the model is: dropout off, no gradients, and the model's mode left as it was.
Evaluation evaluate(Classifier& model, const ImageDataset& dataset, const torch::Device& device,
                    int64_t batch_size);

/// Prints the confusion matrix.
void show_confusion(const Evaluation& result, const std::vector<std::string>& names);

/// Prints the samples with the highest loss as pictures.
void show_mistakes(const Evaluation& result, ImageDataset& dataset);
