// The one source of shuffling: an order that depends on seed and epoch and on nothing else.
#include "data/permutation.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <string>

#include "error.h"

namespace course {
namespace {

// libtorch's CPU generator uses only the low 32 bits of its seed, so they must be well mixed.
uint64_t splitmix64(uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

}  // namespace

uint64_t mix_seed(uint64_t seed, uint64_t stream) {
  return splitmix64(splitmix64(seed) + stream);
}

torch::Tensor permutation(uint64_t seed, int64_t epoch, int64_t n) {
  if (epoch < 0) {
    throw UsageError("epoch is " + std::to_string(epoch) + ", but epochs count from 0");
  }
  if (n < 0) {
    throw UsageError("n is " + std::to_string(n) + ", but a permutation has 0 or more elements");
  }
  const uint64_t mixed = mix_seed(seed, static_cast<uint64_t>(epoch));
  return torch::randperm(n, at::detail::createCPUGenerator(mixed), torch::kInt64);
}

}  // namespace course
