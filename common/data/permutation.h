// The one source of shuffling: an order that depends on seed and epoch and on nothing else.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace course {

/// A random order of 0..n-1 for one epoch: the same for the same arguments, on every libtorch from
/// 1.13 on, and drawn from a generator of its own, so that neither an earlier epoch nor any other
/// random number changes it and the global generator is left as it was.
/// @returns int64 [n] on the CPU
/// @throws UsageError if `epoch` or `n` is negative
///
/// The generator's seed is splitmix64(splitmix64(seed) + epoch), modulo 2^64. Python gets the same
/// order with
///
///     def splitmix64(x):
///         mask = 2**64 - 1
///         x = (x + 0x9E3779B97F4A7C15) & mask
///         x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
///         x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
///         return x ^ (x >> 31)
///
///     def permutation(seed, epoch, n):
///         mixed = splitmix64((splitmix64(seed) + epoch) % 2**64)
///         return torch.randperm(n, generator=torch.Generator().manual_seed(mixed))
///
/// Source of splitmix64: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014.
torch::Tensor permutation(uint64_t seed, int64_t epoch, int64_t n);

}  // namespace course
