// Every knob of an experiment, in one place, with its default; sorted by what takes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "lit/trainer/options.h"
#include "serialize/value.h"

// region config
struct Config {
  struct Data {
    std::string name = "fashion-mnist";
    std::string dir;
    double validation = 0.1;
    int64_t batch_size = 64;
    bool normalize = true;
    double flip = 0;
    double keep_on_device = 0.5;
  } data;

  struct Model {
    std::string name = "cnn";
    int64_t hidden = 128;
    int64_t channels = 16;
    double dropout = 0.2;
    std::string classes;
  } model;

  struct Optimizer {
    std::string name = "adam";
    double lr = 1e-3;
    double momentum = 0;
    double weight_decay = 0;
    bool fused = true;
    bool operator==(const Optimizer&) const = default;
  } optimizer;

  struct Scheduler {
    std::string name = "none";
    double factor = 0.1;
    int64_t patience = 10;
  } scheduler;

  struct EarlyStopping {
    int64_t patience = 3;
    double min_delta = 0;
    int64_t warmup = 0;
  } early_stopping;

  // Those of lit::TrainerOptions, by its names.
  struct Trainer {
    std::string accelerator = "auto";
    int64_t max_epochs = 10;
    int64_t fast_dev_run = 0;
    lit::Limit limit_train_batches = 1.0;
    lit::Limit limit_val_batches = 1.0;
    lit::Limit limit_test_batches = 1.0;
    lit::Limit overfit_batches = 0.0;
    int64_t log_every_n_steps = 50;
    int64_t accumulate_grad_batches = 1;
    double gradient_clip_val = 0;
    std::string profiler;
    bool flush_denormal = true;
  } trainer;

  int64_t seed = 0;
  int64_t threads = 0;
  std::string run_dir;
};
// endregion

// region command_line
/// What --help says of a program.
struct ProgramInfo {
  std::string name, summary;
  std::string base;  ///< configs/BASE.toml: where its config begins
  /// A flag of its own, if it has one: "ckpt", "FILE", and what it is.
  std::string flag = "", takes = "", help = "";
};

/// What was said to it, not looked at any closer yet.
struct CommandLine {
  std::string file;                ///< of --config
  std::vector<std::string> words;  ///< optimizer.lr=1e-3 and the like
  std::string flag;                ///< of the program's own
  bool print_config = false;
};

/// @throws course::UsageError for what is neither a flag nor a word with = in it
CommandLine read_command_line(int argc, const char* const* argv, const ProgramInfo& program);

/// The defaults, overridden by the TOML file `base`, and then by the command line: by
/// configs/experiment/NAME.toml for the word experiment=NAME, by configs/debug/NAME.toml for
/// debug=NAME, by --config FILE, and by words KEY=VALUE. Folders become absolute.
/// @throws course::UsageError that says which file and line, or which word, is wrong, and what it
/// takes
Config compose(const std::filesystem::path& base, const CommandLine& command_line);
/// configs/BASE.toml.
std::filesystem::path base_of(const std::string& base);
/// The same for a config that is there already.
void override_with(Config& config, const CommandLine& command_line);
// endregion

/// All values as TOML that --config takes.
std::string to_toml(const Config& config);

/// The same as a dict of dicts, for hparams.yaml and checkpoints; from_dict reads it back, and
/// checks it like any other input.
/// @throws course::Error for an unknown key or a value out of range
course::Dict to_dict(const Config& config);
Config from_dict(const course::Dict& dict);
