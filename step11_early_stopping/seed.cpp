// Every source of randomness: its name, its seed, and who draws from it.
#include "seed.h"

#include <cstdlib>

#include "data/permutation.h"

// region make_seeds
Seeds make_seeds(uint64_t seed) {
  return {
      .weights = seed,  // as it is: the weights are those of Python's torch.manual_seed(seed)
      .dropout = course::mix_seed(seed, 1),
      .shuffle = course::mix_seed(seed, 2),
      .flip = course::mix_seed(seed, 3),
      .split = course::mix_seed(seed, 4),
  };
}
// endregion

// region deterministic
void make_deterministic() {
  at::Context& context = at::globalContext();
  // Algorithms whose sums come out the same each time; where CUDA has none, a warning names it.
  context.setDeterministicAlgorithms(true, /*warn_only=*/true);
  context.setDeterministicCuDNN(true);
  context.setBenchmarkCuDNN(false);  // it picks the algorithm that was fastest a moment ago
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);  // before cuBLAS is first used
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
