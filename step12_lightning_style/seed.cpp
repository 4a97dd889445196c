// Every source of randomness: its name, its seed, and who draws from it.
#include "seed.h"

#include "data/permutation.h"

// region make_seeds
Seeds make_seeds(uint64_t seed) {
  return {
      .weights = seed,  // as it is: the weights are those of Python's torch.manual_seed(seed)
      .dropout = course::mix_seed(seed, 1),
      .shuffle = course::mix_seed(seed, 2),
      .split = course::mix_seed(seed, 4),
  };
}
// endregion

// region fingerprint
uint64_t fingerprint(const torch::nn::Module& module) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const torch::Tensor& parameter : module.parameters()) {
    const torch::Tensor weights = parameter.detach().cpu().contiguous();
    const auto* bytes = static_cast<const unsigned char*>(weights.data_ptr());
    for (size_t i = 0; i < weights.nbytes(); ++i) hash = (hash ^ bytes[i]) * 0x100000001b3;
  }
  return hash;
}
// endregion
