// What the programs share: the folder of a run, and the Trainer that a config describes.
#pragma once

#include <filesystem>
#include <memory>

#include "config.h"
#include "lit/trainer/options.h"

/// A new folder for a run with the config in it, as config.toml; or `resume`, if that is not "",
/// which must be the folder of a run that can go on, and stays as it is. Counting threads is set
/// up, too.
/// @throws course::UsageError, or course::Error if it cannot be made or written
std::filesystem::path open_run(const Config& config, const std::string& resume);

/// A callback that writes config.toml when the first batch is trained. A run that resumes may be
/// refused until then, and must not lose the config that it was to go on with.
std::shared_ptr<lit::Callback> keep_config(const Config& config,
                                           const std::filesystem::path& folder);

/// The Trainer's options: those of the config, and loggers in `folder`. Callbacks are up to the
/// program.
lit::TrainerOptions trainer_options(const Config& config, const std::filesystem::path& folder);
