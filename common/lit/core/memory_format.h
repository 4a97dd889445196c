// Channels last: the order in memory that convolutions on tensor cores want.
#pragma once

#include <torch/nn/module.h>

#include <utility>
#include <vector>

#include "lit/core/batch.h"

namespace lit {

/// Tensors of four dimensions lie with their channels last (NHWC); all others are as they were.
inline torch::Tensor in_channels_last(const torch::Tensor& tensor) {
  const bool has_channels = tensor.defined() && tensor.dim() == 4;
  return has_channels ? tensor.contiguous(torch::MemoryFormat::ChannelsLast) : tensor;
}

inline Batch in_channels_last(const Batch& batch) {
  std::vector<Batch::Item> items;
  for (const Batch::Item& item : batch) items.push_back({item.name, in_channels_last(item.tensor)});
  return Batch(std::move(items));
}

/// The same for the weights and buffers of a module.
inline void to_channels_last(torch::nn::Module& module) {
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& tensor : module.parameters()) tensor.set_data(in_channels_last(tensor));
  for (torch::Tensor& tensor : module.buffers()) tensor.set_data(in_channels_last(tensor));
}

}  // namespace lit
