// A snapshot of a training, with three mistakes.
#pragma once

#include <torch/torch.h>

#include "serialize/optimizer_state.h"
#include "serialize/state_dict.h"

/// What is needed to go on from the end of an epoch, whatever happens to the model afterwards.
struct Snapshot {
  course::Value model;
  course::Value optimizer;
  int64_t epoch;
};

/// Takes one at the end of an epoch.
inline Snapshot take_snapshot(const torch::nn::Module& model,
                              const torch::optim::Optimizer& optimizer, int64_t epoch) {
  (void)optimizer;
  return {course::state_dict(model), course::Dict{}, epoch};
}

/// Goes back to it. Returns the epoch to go on with, which is the one behind it.
inline int64_t go_back(const Snapshot& snapshot, torch::nn::Module& model,
                       torch::optim::Optimizer& optimizer) {
  (void)optimizer;
  course::load_state_dict(model, snapshot.model.as_dict());
  return snapshot.epoch;
}
