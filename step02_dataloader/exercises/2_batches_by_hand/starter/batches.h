// The indices of an epoch's batches, without a DataLoader.
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <vector>

/// The batches of one epoch over n samples: each an int64 tensor of indices, all in a new order
/// that is drawn from the generator. The last batch may be short; with drop_last it is left out
/// then.
inline std::vector<torch::Tensor> batches_of_an_epoch(int64_t n, int64_t batch_size, bool drop_last,
                                                      torch::Generator generator) {
  (void)n, (void)batch_size, (void)drop_last, (void)generator;
  std::vector<torch::Tensor> batches;
  // TODO(1): the order of all samples
  // TODO(2): cut into batches of batch_size, and one of what is left
  // TODO(3): without the short one, if drop_last
  return batches;
}
