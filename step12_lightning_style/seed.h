// Every source of randomness: its name, its seed, and who draws from it.
#pragma once

#include <torch/torch.h>

#include <cstdint>

// region seeds
// One stream for each source, so that none of them moves another.
struct Seeds {
  uint64_t weights;  // the global generator, while the model is made
  uint64_t dropout;  // the global generator, from the start of each epoch
  uint64_t shuffle;  // permutation(seed, epoch, n)
  uint64_t split;    // permutation(seed, 0, n): who is in the validation set
};

/// All streams from the one seed that a user gives.
Seeds make_seeds(uint64_t seed);
// endregion

/// A number that two modules share if all their weights agree bit for bit (FNV-1a).
uint64_t fingerprint(const torch::nn::Module& module);
