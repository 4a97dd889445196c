// libtorch's random streams, kept over something that shall leave no trace in them.
#include "lit/trainer/random_state.h"

#include <ATen/Context.h>

#include <mutex>

namespace lit {
namespace {

torch::Tensor state_of(torch::Device device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_state();
}

void set_state_of(torch::Device device, const torch::Tensor& state) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
}

}  // namespace

KeepRandomState::KeepRandomState(torch::Device device)
    : device_(device), cpu_(state_of(torch::kCPU)) {
  if (!device_.is_cpu()) other_ = state_of(device_);
}

KeepRandomState::~KeepRandomState() {
  set_state_of(torch::kCPU, cpu_);
  if (other_.defined()) set_state_of(device_, other_);
}

}  // namespace lit
