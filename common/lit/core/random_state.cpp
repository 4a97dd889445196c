// libtorch's random streams: where they stand, and kept over something that shall leave no trace.
#include "lit/core/random_state.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>

#include <mutex>
#include <string>

#include "lit/error.h"
#include "serialize/checked.h"

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

torch::Tensor checked_generator_state(const course::Dict& from, const std::string& key,
                                      torch::Device device) {
  const course::Value& value = from.at(key);
  const auto refuse = [&] {
    course::refuse_value(value, key, "the state of a random generator on " + device.str());
  };
  if (!value.is<torch::Tensor>()) refuse();
  const torch::Tensor& state = value.as_tensor();
  try {
    if (!device.is_cpu()) {
      const KeepRandomState random(device);
      set_generator_state(device, state);
      return state;
    }
    // Not a clone of the generator, which libtorch never frees.
    at::Generator trial = at::make_generator<at::CPUGeneratorImpl>();
    trial.set_state(state);
    // libtorch checks each of the two, but not that the numbers that are left are there.
    const auto engine = trial.get<at::CPUGeneratorImpl>()->engine().data();
    const auto left = static_cast<int64_t>(engine.left_), next = static_cast<int64_t>(engine.next_);
    if (left - 1 + next > at::MERSENNE_STATE_N) refuse();
  } catch (const c10::Error&) {
    refuse();
  }
  return state;
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
