// What a program spells that the library is made of, under the library's own name.
#pragma once

#include "data/in_memory_loader.h"
#include "data/permutation.h"
#include "device/threads.h"
#include "error.h"
#include "serialize/parameters.h"
#include "serialize/safetensors.h"
#include "serialize/state_dict.h"
#include "serialize/torch_file.h"
#include "serialize/value.h"

namespace lit {

// Values of checkpoints and hyperparameters, as Python has them.
using course::Dict;
using course::List;
using course::Tuple;
using course::Value;

// Data that fit into memory, and the order in which they come.
using course::InMemoryLoader;
using course::InMemoryLoaderOptions;
using course::permutation;
using course::ToFloat;

// Files that Python reads, and weights by name.
using course::load_state_dict;
using course::parameters;
using course::read_safetensors;
using course::read_torch_file;
using course::state_dict;
using course::write_safetensors;
using course::write_torch_file;

// Programs.
using course::set_up_threads;
using course::UsageError;

}  // namespace lit
