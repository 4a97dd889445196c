// What is kept of a trained model: its weights, and the config that says what model they belong to.
#pragma once

#include <filesystem>
#include <memory>

#include "config.h"
#include "models/classifier.h"

struct Checkpoint {
  std::shared_ptr<Classifier> model;
  Config config;
  int64_t epoch;
};

/// Writes one file with all that load_checkpoint needs; Python's torch.load reads it, too.
/// @throws course::Error if it cannot be written; then what was there before is unchanged
void save_checkpoint(const std::filesystem::path& path, const Classifier& model,
                     const Config& config, int64_t epoch);

/// The model with its weights, on the CPU, made by the config in the file.
/// @throws course::Error if the file is not whole, or not one of ours
Checkpoint load_checkpoint(const std::filesystem::path& path);

/// Copies the weights of a checkpoint, or of a file with a Python state_dict(), into a model.
/// @throws course::Error that lists every name and shape that differs
void load_weights(const std::filesystem::path& path, Classifier& model);
