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
  std::vector<torch::Tensor> batches;
  const torch::Tensor order = torch::randperm(n, generator, torch::kInt64);
  for (int64_t begin = 0; begin < n; begin += batch_size) {
    const int64_t end = std::min(begin + batch_size, n);
    if (drop_last && end - begin < batch_size) break;
    batches.push_back(order.slice(0, begin, end));
  }
  return batches;
}
