// The states of a metric in files and on devices.
#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>

#include "device/device.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/metrics/metric.h"
#include "lit/metrics/metric_states.h"
#include "serialize/checked.h"
#include "serialize/python_text.h"

namespace lit {
namespace {

using detail::kOptions;
using detail::kUpdateCount;
using detail::moved;
using detail::Plain;

// The state of a checkpoint, which is like the one it began with. A number may be a wider one by
// now, or a narrower one of Metal's.
const torch::Tensor& restored(const course::Dict& from, const std::string& name,
                              const torch::Tensor& initial, bool any_shape) {
  const course::Value& value = from.at(name);
  const bool is_tensor = value.is<torch::Tensor>();
  const bool are_numbers =
      initial.is_floating_point() && is_tensor && value.as_tensor().is_floating_point();
  const torch::Dtype dtype = are_numbers ? value.as_tensor().scalar_type() : initial.scalar_type();
  const auto sizes = any_shape && is_tensor ? value.as_tensor().sizes() : initial.sizes();
  return course::tensor(value, name, sizes, dtype);
}

}  // namespace

course::Dict Metric::state_dict() const {
  course::Dict state{{kUpdateCount, update_count()}};
  for (const auto& [name, one] : counted_->states) {
    if (one.initial.defined()) {
      state.set(name, one.value);
    } else {
      course::List list;
      for (const torch::Tensor& tensor : one.list) list.emplace_back(tensor);
      state.set(name, list);
    }
  }
  course::Dict options = option_values();
  if (options.size() > 0) state.set(kOptions, std::move(options));
  return state;
}

void Metric::check_same(const course::Dict& options) const {
  const course::Dict mine = option_values();
  for (const auto& [key, value] : mine) {
    const course::Value* other = options.find(key);
    const std::string wanted = course::python_str(value);
    const std::string found = other == nullptr ? "not there" : course::python_str(*other);
    if (found == wanted) continue;
    throw Error(fmt::format("its {} is {}, not {}", course::python_str(key), found, wanted));
  }
}

void Metric::load_state_dict(const course::Dict& state) {
  const Plain plain;
  const std::string name = class_name(*this);
  const std::shared_ptr<Counted> before = counted_, loaded = none_counted();
  try {
    if (const course::Value* options = state.find(kOptions)) {
      check_same(course::dict(*options, kOptions));
    }
    for (const auto& [key, value] : state) {
      const std::string text = key.is<std::string>() ? key.as_string() : course::python_str(key);
      if (text != kUpdateCount && text != kOptions && !loaded->states.contains(text)) {
        throw Error("there is " + text + ", which is no state of it");
      }
    }
    for (auto& [key, one] : loaded->states) {
      if (one.may_be_missing && state.find(key) == nullptr) continue;
      if (one.initial.defined()) {
        one.value = moved(restored(state, key, one.initial, one.any_shape), device_).clone();
        continue;
      }
      for (const course::Value& each : course::list(state, key)) {
        if (!each.is<torch::Tensor>()) {
          course::refuse_value(each, fmt::format("{}[{}]", key, one.list.size()), "a tensor");
        }
        one.list.push_back(moved(each.as_tensor(), device_).clone());
      }
    }
    loaded->update_count = course::whole(state, kUpdateCount);
    counted_ = loaded;
    if (state.find(kOptions) == nullptr && option_values().size() > 0) take_old_state();
    check_states();
  } catch (const course::Error& error) {
    counted_ = before;
    throw Error(fmt::format("this is no state of this {}: {}", name, error.what()));
  }
  leader_.reset();
  computed_ = last_value_ = torch::Tensor();
}

void Metric::to(torch::Device device, torch::Dtype dtype, bool non_blocking) {
  Metric::to(device, non_blocking);
  Metric::to(dtype, non_blocking);
}

// States keep their dtype: counts are whole numbers, and sums are in float64 so that small numbers
// are not lost in large ones.
void Metric::to(torch::Dtype dtype, bool non_blocking) {
  torch::nn::Module::to(dtype, non_blocking);
}

void Metric::to(torch::Device device, bool non_blocking) {
  torch::nn::Module::to(device, non_blocking);
  const Plain plain;
  device_ = course::with_index(device);
  if (counted_.use_count() > 1) counted_ = copy_of(*counted_);
  move(*counted_, device_);
  computed_ = moved(computed_, device_);
  last_value_ = moved(last_value_, device_);
}

void Metric::move(Counted& counted, torch::Device device) {
  for (auto& [name, state] : counted.states) {
    state.initial = moved(state.initial, device);
    state.value = moved(state.value, device);
    for (torch::Tensor& tensor : state.list) tensor = moved(tensor, device);
  }
}

torch::Tensor detail::wide(const torch::Tensor& tensor) {
  return tensor.to(tensor.device().is_mps() ? torch::kFloat32 : torch::kFloat64);
}

void detail::check_preds_and_target(const Metric& metric, const Batch& inputs) {
  if (inputs.size() == 2) return;
  throw Error(fmt::format("{} takes preds and target, but was given {} tensors", class_name(metric),
                          inputs.size()));
}

}  // namespace lit
