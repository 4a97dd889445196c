// A snapshot of a training.
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
  return {course::cloned(course::state_dict(model)),
          course::cloned(course::optimizer_state_dict(optimizer)), epoch};
}

/// Goes back to it. Returns the epoch to go on with, which is the one behind it.
inline int64_t go_back(const Snapshot& snapshot, torch::nn::Module& model,
                       torch::optim::Optimizer& optimizer) {
  course::load_state_dict(model, snapshot.model.as_dict());
  course::load_optimizer_state_dict(optimizer, snapshot.optimizer.as_dict());
  return snapshot.epoch + 1;
}
