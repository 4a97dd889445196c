// libtorch's random streams: where they stand, and kept over something that shall leave no trace.
#include "lit/core/random_state.h"

#include <ATen/Context.h>

#include <mutex>

namespace lit {

torch::Tensor generator_state(torch::Device device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_state();
}

void set_generator_state(torch::Device device, const torch::Tensor& state) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
}

KeepRandomState::KeepRandomState(torch::Device device)
    : device_(device), cpu_(generator_state(torch::kCPU)) {
  if (!device_.is_cpu()) other_ = generator_state(device_);
}

KeepRandomState::~KeepRandomState() {
  set_generator_state(torch::kCPU, cpu_);
  if (other_.defined()) set_generator_state(device_, other_);
}

}  // namespace lit
