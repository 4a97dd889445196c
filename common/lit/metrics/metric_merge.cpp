// Two metrics of one kind become one.
#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <string>
#include <typeinfo>

#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/metrics/metric.h"
#include "lit/metrics/metric_states.h"
#include "serialize/python_text.h"

namespace lit {
namespace {

using detail::kOptions;
using detail::kUpdateCount;
using detail::Plain;

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

std::string shape_and_dtype(const torch::Tensor& tensor) {
  return fmt::format("a tensor of shape {} and dtype {}", c10::str(tensor.sizes()),
                     c10::toString(tensor.scalar_type()));
}

}  // namespace

// The states of `more` behind those of `to`, which nobody else holds: lists grow where they are.
void Metric::append(Counted& to, const Counted& more) {
  std::vector<torch::Tensor> values;
  for (const auto& [name, state] : to.states) {
    if (!state.initial.defined()) continue;
    values.push_back(reduced(state.reduce, state.value, to.update_count, more.states.at(name).value,
                             more.update_count));
  }
  auto value = values.begin();
  for (auto& [name, state] : to.states) {
    if (state.initial.defined()) {
      state.value = *value++;
    } else {
      const auto& list = more.states.at(name).list;
      state.list.insert(state.list.end(), list.begin(), list.end());
    }
  }
  to.update_count += more.update_count;
  changed(to);
}

void Metric::merge_state(const Metric& other) {
  const Plain plain;
  const std::string name = class_name(*this);
  const auto refuse = [&](const std::string& why) {
    throw Error(fmt::format("{} cannot take in what {} has counted; {}", name,
                            typeid(*this) == typeid(other) ? "another " + name : class_name(other),
                            why));
  };
  if (typeid(*this) != typeid(other)) refuse("it is another metric");
  try {
    check_same(other.option_values());
  } catch (const course::Error& error) {
    refuse(error.what());
  }
  const States &mine = counted_->states, &others = other.counted_->states;
  for (const auto& [key, state] : others) {
    if (mine.find(key) == mine.end()) refuse("that one has the state " + key + ", this one not");
  }
  for (const auto& [key, state] : mine) {
    const auto found = others.find(key);
    if (found == others.end()) refuse("this one has the state " + key + ", that one not");
    const State& that = found->second;
    const bool is_list = !state.initial.defined();
    if (is_list != !that.initial.defined()) refuse(key + " is a list in one of them alone");
    if (state.reduce == StateReduce::none) refuse(key + " has no reduction");
    if (is_list) continue;
    const bool fits = state.any_shape || state.value.sizes() == that.value.sizes();
    if (!fits || state.value.scalar_type() != that.value.scalar_type()) {
      refuse(fmt::format("its {} is {}, not {}", key, shape_and_dtype(that.value),
                         shape_and_dtype(state.value)));
    }
  }
  const std::shared_ptr<Counted> before = counted_, whole = copy_of(*other.counted_);
  try {
    move(*whole, device_);
    named([&] { append(*whole, *before); });
    counted_ = whole;
    check_states();
  } catch (const course::Error& error) {
    counted_ = before;
    refuse(error.what());
  }
  leader_.reset();
}

}  // namespace lit
