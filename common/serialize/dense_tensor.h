// A tensor as its bytes are stored.
#pragma once

#include <torch/types.h>

#include "error.h"

namespace course {

/// The numbers of `tensor` one behind the other on the CPU, without gradient. A conjugate or
/// negative view (conj(), its .imag), whose bytes are those of another tensor, is computed.
/// @throws Error if it is undefined, sparse or quantised
inline torch::Tensor dense_on_cpu(const torch::Tensor& tensor) {
  if (!tensor.defined()) throw Error("an undefined tensor cannot be stored");
  if (tensor.layout() != torch::kStrided || tensor.is_quantized()) {
    throw Error("a sparse or quantised tensor cannot be stored; store a dense one");
  }
  return tensor.detach().cpu().resolve_conj().resolve_neg().contiguous();
}

}  // namespace course
