// A tensor as its bytes are stored.
#pragma once

#include <torch/types.h>

#include "error.h"

namespace course {

/// @throws Error if it is undefined, sparse or quantised
inline void check_can_be_stored(const torch::Tensor& tensor) {
  if (!tensor.defined()) throw Error("an undefined tensor cannot be stored");
  if (tensor.layout() != torch::kStrided || tensor.is_quantized()) {
    throw Error("a sparse or quantised tensor cannot be stored; store a dense one");
  }
}

/// The numbers of `tensor`, which can be stored, one behind the other on the CPU, without gradient.
/// A conjugate or negative view (conj(), its .imag), whose bytes are those of another tensor, is
/// computed.
inline torch::Tensor dense_on_cpu(const torch::Tensor& tensor) {
  return tensor.detach().cpu().resolve_conj().resolve_neg().contiguous();
}

}  // namespace course
