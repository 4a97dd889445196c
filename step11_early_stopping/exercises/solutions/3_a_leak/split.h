// Which samples are trained on and which are held out.
#pragma once

#include <torch/torch.h>

#include <cstdint>

#include "data/permutation.h"

struct Split {
  torch::Tensor train;       // [n - held_out] int64, in the order of this epoch
  torch::Tensor validation;  // [held_out] int64, the same ones in every epoch, in ascending order
};

/// Divides n samples for an epoch: a function of its arguments alone.
inline Split split(uint64_t seed, int64_t epoch, int64_t n, int64_t held_out) {
  const torch::Tensor divided = course::permutation(seed, 0, n);  // once and for all
  const torch::Tensor train = divided.slice(0, held_out);
  const torch::Tensor order = course::permutation(course::mix_seed(seed, 1), epoch, n - held_out);
  return {train.index_select(0, order), std::get<0>(divided.slice(0, 0, held_out).sort())};
}
