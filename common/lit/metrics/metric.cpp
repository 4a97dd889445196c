// Metric: states over batches, and the value that follows from them.
#include "lit/metrics/metric.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>

#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "serialize/checked.h"

namespace lit {
namespace {

// Around everything that touches states: they record no graph, and can be written to wherever they
// were made (tensors that are made in inference mode could not, outside of it).
struct Plain {
  torch::NoGradGuard no_grad;
  torch::InferenceMode off{false};
};

// Metal has no float64.
torch::Tensor moved(const torch::Tensor& tensor, torch::Device device) {
  if (!tensor.defined()) return tensor;
  const bool narrow = device.is_mps() && tensor.scalar_type() == torch::kFloat64;
  return tensor.to(device, narrow ? torch::kFloat32 : tensor.scalar_type());
}

torch::Tensor reduced(StateReduce reduce, const torch::Tensor& a, int64_t weight_a,
                      const torch::Tensor& b, int64_t weight_b) {
  switch (reduce) {
    case StateReduce::sum:
      return a + b;
    case StateReduce::mean:
      return (a * weight_a + b * weight_b) / std::max<int64_t>(1, weight_a + weight_b);
    case StateReduce::min:
      return torch::minimum(a, b);
    case StateReduce::max:
      return torch::maximum(a, b);
    case StateReduce::cat:
      return torch::cat({a, b});
    case StateReduce::none:
      break;
  }
  throw Error("a state without a reduction cannot be merged with another");
}

// The state of a checkpoint, which is like the one it began with. A number may be a wider one by
// now, or a narrower one of Metal's.
const torch::Tensor& restored(const course::Dict& from, const std::string& name,
                              const torch::Tensor& initial) {
  const course::Value& value = from.at(name);
  const bool are_numbers = initial.is_floating_point() && value.is<torch::Tensor>() &&
                           value.as_tensor().is_floating_point();
  const torch::Dtype dtype = are_numbers ? value.as_tensor().scalar_type() : initial.scalar_type();
  return course::tensor(value, name, initial.sizes(), dtype);
}

}  // namespace

void Metric::add_state(const std::string& name, torch::Tensor initial, StateReduce reduce) {
  const Plain plain;
  states_[name] = {initial, reduce, initial.clone(), {}};
}

void Metric::add_list_state(const std::string& name, StateReduce reduce) {
  states_[name] = {torch::Tensor(), reduce, torch::Tensor(), {}};
}

Metric::State& Metric::find(const std::string& name, bool list) {
  const auto found = states_.find(name);
  if (found != states_.end() && found->second.initial.defined() != list) return found->second;
  std::string known;
  for (const auto& [each, state] : states_) {
    if (state.initial.defined() != list) known += " " + each;
  }
  throw Error(fmt::format("{} has no {} {}; it has{}", class_name(*this),
                          list ? "list state" : "state", name, known.empty() ? " none" : known));
}

torch::Tensor& Metric::state(const std::string& name) {
  return find(name, false).value;
}

std::vector<torch::Tensor>& Metric::list_state(const std::string& name) {
  return find(name, true).list;
}

torch::Tensor Metric::concatenated(const std::string& name) {
  const auto& list = list_state(name);
  return list.empty() ? torch::empty({0}, device_) : torch::cat(list);
}

void Metric::clear_states() {
  for (auto& [name, state] : states_) {
    state.value = state.initial.defined() ? state.initial.clone() : torch::Tensor();
    state.list.clear();
  }
}

void Metric::reset() {
  const Plain plain;
  clear_states();
  update_count_ = 0;
  computed_ = last_value_ = torch::Tensor();
}

// Numbers follow the metric to its device; tensors must be there.
Batch Metric::checked(const Batch& inputs) const {
  std::vector<Batch::Item> items;
  for (const Batch::Item& item : inputs) {
    torch::Tensor tensor = item.tensor;
    if (!tensor.defined()) {
      throw Error(class_name(*this) + " was given an undefined tensor");
    }
    if (tensor.device() != device_) {
      if (tensor.dim() > 0 || !tensor.is_cpu()) {
        throw Error(
            fmt::format("{} is on {}, but was given a tensor on {}; register it in the module "
                        "(register_module) "
                        "so that it moves with it, or call its to()",
                        class_name(*this), device_.str(), tensor.device().str()));
      }
      tensor = moved(tensor, device_);
    }
    items.push_back({item.name, tensor.detach()});
  }
  return Batch(std::move(items));
}

void Metric::run_update(const Batch& inputs) {
  const Plain plain;
  update_state(checked(inputs));
  ++update_count_;
  computed_ = torch::Tensor();
}

std::vector<torch::Tensor> Metric::run_forward(const Batch& given,
                                               const std::vector<Metric*>& followers) {
  const Plain plain;
  const Batch inputs = checked(given);
  const bool merges =
      !full_state_update() && std::none_of(states_.begin(), states_.end(), [](const auto& item) {
        return item.second.reduce == StateReduce::none;
      });
  // First into all that is there, if that is needed; then into clean states, for the batch's value.
  if (!merges) update_state(inputs);
  const States before = states_;
  std::vector<torch::Tensor> values;
  try {
    clear_states();
    update_state(inputs);
    values.push_back(compute_state().detach());
    for (Metric* follower : followers) {
      follower->states_ = states_;
      values.push_back(follower->compute_state().detach());
    }
  } catch (...) {
    states_ = before;
    throw;
  }
  if (merges) {
    merge(before, update_count_, 1);
  } else {
    states_ = before;
  }
  ++update_count_;
  computed_ = torch::Tensor();
  last_value_ = values.front();
  for (size_t i = 0; i < followers.size(); ++i) followers[i]->last_value_ = values[i + 1];
  return values;
}

void Metric::merge(const States& before, int64_t updates_before, int64_t updates_now) {
  for (auto& [name, state] : states_) {
    const State& other = before.at(name);
    if (state.initial.defined()) {
      state.value = reduced(state.reduce, other.value, updates_before, state.value, updates_now);
    } else {
      state.list.insert(state.list.begin(), other.list.begin(), other.list.end());
    }
  }
}

void Metric::merge_state(const Metric& other) {
  const Plain plain;
  const auto same = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (!std::equal(states_.begin(), states_.end(), other.states_.begin(), other.states_.end(),
                  same)) {
    throw Error(fmt::format("{} cannot take in what {} has counted; its states are others",
                            class_name(*this), class_name(other)));
  }
  merge(other.states_, other.update_count_, update_count_);
  update_count_ += other.update_count_;
  computed_ = torch::Tensor();
}

torch::Tensor Metric::compute() {
  const std::shared_ptr<Metric> leader = leader_.lock();
  if (leader != nullptr && leader->update_count_ != update_count_) {
    states_ = leader->states_;
    update_count_ = leader->update_count_;
    computed_ = torch::Tensor();
  }
  if (computed_.defined()) return computed_;
  const Plain plain;
  if (update_count_ == 0) {
    warn(fmt::format("compute() of {} was called before its update(); its value is that of no data",
                     class_name(*this)));
  }
  computed_ = compute_state().detach();
  return computed_;
}

course::Dict Metric::state_dict() const {
  course::Dict state{{"update_count", update_count_}};
  for (const auto& [name, one] : states_) {
    if (one.initial.defined()) {
      state.set(name, one.value);
    } else {
      course::List list;
      for (const torch::Tensor& tensor : one.list) list.emplace_back(tensor);
      state.set(name, list);
    }
  }
  return state;
}

void Metric::load_state_dict(const course::Dict& state) {
  const Plain plain;
  States loaded = states_;
  for (auto& [name, one] : loaded) {
    if (one.initial.defined()) {
      one.value = moved(restored(state, name, one.initial), device_).clone();
      continue;
    }
    one.list.clear();
    for (const course::Value& each : course::list(state, name)) {
      if (!each.is<torch::Tensor>()) {
        course::refuse_value(each, fmt::format("{}[{}]", name, one.list.size()), "a tensor");
      }
      one.list.push_back(moved(each.as_tensor(), device_).clone());
    }
  }
  const int64_t update_count = course::whole(state, "update_count");
  std::swap(states_, loaded);
  try {
    check_states();
  } catch (...) {
    states_ = std::move(loaded);
    throw;
  }
  update_count_ = update_count;
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
  device_ = device;
  for (auto& [name, state] : states_) {
    state.initial = moved(state.initial, device);
    state.value = moved(state.value, device);
    for (torch::Tensor& tensor : state.list) tensor = moved(tensor, device);
  }
  computed_ = moved(computed_, device);
  last_value_ = moved(last_value_, device);
}

torch::Tensor detail::wide(const torch::Tensor& tensor) {
  return tensor.to(tensor.device().is_mps() ? torch::kFloat32 : torch::kFloat64);
}

}  // namespace lit
