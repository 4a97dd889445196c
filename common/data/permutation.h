// The one source of shuffling: an order that depends on seed and epoch and on nothing else.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace course {

/// The seed of stream number `stream` below `seed`: splitmix64(splitmix64(seed) + stream), modulo
/// 2^64. Neighbouring numbers give unrelated seeds, which seed + stream would not: with that,
/// stream 1 of seed 0 would be stream 0 of seed 1.
uint64_t mix_seed(uint64_t seed, uint64_t stream);

/// A random order of 0..n-1 for one epoch: the same for the same arguments, on every libtorch from
/// 1.13 on, and drawn from a generator of its own, so that neither an earlier epoch nor any other
/// random number changes it and the global generator is left as it was.
/// @returns int64 [n] on the CPU
/// @throws UsageError if `epoch` or `n` is negative
///
/// The generator's seed is mix_seed(seed, epoch). Python gets the same order with
///
///     def splitmix64(x):
///         mask = 2**64 - 1
///         x = (x + 0x9E3779B97F4A7C15) & mask
///         x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
///         x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
///         return x ^ (x >> 31)
///
///     def mix_seed(seed, stream):
///         return splitmix64((splitmix64(seed) + stream) % 2**64)
///
///     def permutation(seed, epoch, n):
///         generator = torch.Generator().manual_seed(mix_seed(seed, epoch))
///         return torch.randperm(n, generator=generator)
///
/// Source of splitmix64: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number
/// generators", OOPSLA 2014.
torch::Tensor permutation(uint64_t seed, int64_t epoch, int64_t n);

}  // namespace course
