// Every knob of an experiment, in one place, with its default.
#pragma once

#include <cstdint>
#include <string>

#include "serialize/value.h"

// region config
struct Config {
  std::string dataset = "fashion-mnist";
  std::string data_dir;
  double validation = 0.1;
  int64_t batch_size = 64;
  int64_t limit_train_batches = 0;
  double flip = 0;
  int64_t workers = 0;

  std::string model = "mlp";
  int64_t hidden = 128;
  int64_t channels = 16;
  double dropout = 0.2;
  std::string init;

  std::string optimizer = "sgd";
  double learning_rate = 0.1;
  double momentum = 0;
  double weight_decay = 0;
  int64_t epochs = 10;
  int64_t patience = 5;
  double min_delta = 0;
  int64_t seed = 0;

  std::string device = "auto";
  int64_t threads = 0;

  std::string run_dir;
  std::string log_level = "info";
};
// endregion

struct CommandLine {
  Config config;
  bool print_config = false;
};

/// The defaults, overridden by the file of --config, overridden by the flags.
/// @throws course::UsageError that says which file and line, or which flag, is wrong, and what it
/// takes
CommandLine read_command_line(int argc, const char* const* argv);

/// All values as TOML that --config takes.
std::string to_toml(const Config& config);

/// The same as a dict for a checkpoint; from_dict reads it back, and checks it like any other
/// input.
/// @throws course::Error for an unknown key or a value out of range
course::Dict to_dict(const Config& config);
Config from_dict(const course::Dict& dict);
