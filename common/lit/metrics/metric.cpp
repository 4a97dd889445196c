// Metric: states over batches, and the value that follows from them.
#include "lit/metrics/metric.h"

#include <c10/util/Exception.h>
#include <c10/util/StringUtil.h>
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <atomic>
#include <typeinfo>

#include "device/device.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/metrics/metric_states.h"
#include "serialize/checked.h"
#include "serialize/python_text.h"

namespace lit {
namespace {

using detail::kOptions;
using detail::kUpdateCount;
using detail::moved;
using detail::Plain;

}  // namespace

// --- What was counted -------------------------------------------------------------------------

Metric::Metric(const Metric& other)
    : torch::nn::Module(other),
      counted_(copy_of(*other.counted_)),
      device_(other.device_),
      computed_(other.computed_),
      last_value_(other.last_value_),
      computed_of_(other.computed_of_),
      told_(other.told_),
      cloned_class_(other.cloned_class_),
      clone_(other.clone_) {}

Metric& Metric::operator=(const Metric& other) {
  if (this == &other) return *this;
  torch::nn::Module::operator=(other);
  counted_ = copy_of(*other.counted_);
  device_ = other.device_;
  computed_ = other.computed_;
  last_value_ = other.last_value_;
  computed_of_ = other.computed_of_;
  told_ = other.told_;
  leader_.reset();
  cloned_class_ = other.cloned_class_;
  clone_ = other.clone_;
  return *this;
}

// Of the same version, until something is counted.
std::shared_ptr<Metric::Counted> Metric::copy_of(const Counted& counted) {
  const Plain plain;
  auto copy = std::make_shared<Counted>(counted);
  for (auto& [name, state] : copy->states) {
    if (state.value.defined()) state.value = state.value.clone();
  }
  return copy;
}

std::shared_ptr<Metric::Counted> Metric::none_counted() const {
  auto none = std::make_shared<Counted>();
  for (const auto& [name, state] : counted_->states) {
    State& made = none->states[name];
    made.initial = state.initial;
    made.reduce = state.reduce;
    made.any_shape = state.any_shape;
    made.may_be_missing = state.may_be_missing;
    if (state.initial.defined()) made.value = state.initial.clone();
  }
  changed(*none);
  return none;
}

void Metric::changed(Counted& counted) {
  static std::atomic<uint64_t> last{0};
  counted.version = ++last;
}

Metric::Counted& Metric::own() {
  if (counted_.use_count() > 1) counted_ = copy_of(*counted_);
  leader_.reset();
  return *counted_;
}

bool Metric::follows(const Metric& leader) const {
  if (device_ != leader.device_) return false;
  return leader_.lock().get() == &leader || (update_count() == 0 && leader.update_count() == 0);
}

// --- States -----------------------------------------------------------------------------------

void Metric::add(const std::string& name, State state) {
  if (name == kUpdateCount || name == kOptions) {
    throw Error(fmt::format("a state of {} cannot be called {}", class_name(*this), name));
  }
  const Plain plain;
  if (state.initial.defined()) {
    state.initial = moved(state.initial.detach().clone(), device_);
    state.value = state.initial.clone();
  }
  own().states[name] = std::move(state);
  changed(*counted_);
}

void Metric::add_state(const std::string& name, const torch::Tensor& initial, StateReduce reduce) {
  State state;
  state.initial = initial;
  state.reduce = reduce;
  add(name, std::move(state));
}

void Metric::add_state_of_any_shape(const std::string& name, const torch::Tensor& initial,
                                    StateReduce reduce) {
  add_state(name, initial, reduce);
  counted_->states.at(name).any_shape = true;
}

void Metric::add_list_state(const std::string& name, StateReduce reduce) {
  State state;
  state.reduce = reduce;
  add(name, std::move(state));
}

void Metric::may_be_missing(const std::string& name) {
  counted_->states.at(name).may_be_missing = true;
}

Metric::State& Metric::find(const std::string& name, bool list) {
  auto& states = counted_->states;
  const auto found = states.find(name);
  if (found != states.end() && found->second.initial.defined() != list) return found->second;
  std::string known;
  for (const auto& [each, state] : states) {
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

void Metric::reset() {
  const Plain plain;
  leader_.reset();
  counted_ = none_counted();
  computed_ = last_value_ = torch::Tensor();
  told_.clear();
}

void Metric::tell(const std::string& text) {
  if (std::exchange(told_, text) != text) warn(text);
}

// --- Counting ---------------------------------------------------------------------------------

// Errors of libtorch and of Batch name the metric.
template <typename Action>
decltype(auto) Metric::named(Action&& action) const {
  const std::string name = class_name(*this);
  try {
    return action();
  } catch (const c10::OutOfMemoryError&) {
    throw;
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    throw Error(
        fmt::format("{} cannot take these inputs: {}", name, text.substr(0, text.find('\n'))));
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.find(name) != std::string::npos) throw;
    throw Error(name + ": " + text);
  }
}

// Numbers follow the metric to its device; tensors must be there.
Batch Metric::checked(const Batch& inputs, bool with_graph) const {
  std::vector<Batch::Item> items;
  for (const Batch::Item& item : inputs) {
    torch::Tensor tensor = item.tensor;
    if (!tensor.defined()) {
      throw Error(class_name(*this) + " was given an undefined tensor");
    }
    if (tensor.layout() != torch::kStrided || tensor.is_complex()) {
      throw Error(fmt::format("{} was given a {} tensor; it takes dense tensors of real numbers",
                              class_name(*this), tensor.is_complex() ? "complex" : "sparse"));
    }
    if (tensor.device() != device_) {
      if (tensor.dim() > 0 || !tensor.is_cpu()) {
        throw Error(
            fmt::format("{} is on {}, but was given a tensor on {}; register it in the module "
                        "(register_module) so that it moves with it, or call its to()",
                        class_name(*this), device_.str(), tensor.device().str()));
      }
      tensor = moved(tensor, device_);
    }
    items.push_back({item.name, with_graph ? tensor : tensor.detach()});
  }
  return Batch(std::move(items));
}

Batch Metric::prepared(const Batch& inputs) {
  return named([&] { return prepare(checked(inputs, /*with_graph=*/false)); });
}

void Metric::count(const Batch& batch) {
  named([&] { update_state(batch); });
  ++counted_->update_count;
  changed(*counted_);
}

void Metric::run_update(const Batch& inputs) {
  const Plain plain;
  const Batch batch = prepared(inputs);
  own();
  count(batch);
}

std::vector<torch::Tensor> Metric::run_forward(const Batch& inputs) {
  const OfBatch batch = of_batch(inputs, {});
  take(batch);
  return batch.values;
}

// Counts a batch by itself; what was counted before is as it was.
Metric::OfBatch Metric::of_batch(const Batch& given, const std::vector<Metric*>& followers) {
  const bool with_graph = is_differentiable() && torch::GradMode::is_enabled();
  const Plain plain;
  const torch::AutoGradMode graph(with_graph);
  const Batch batch = named([&] { return prepare(checked(given, with_graph)); });
  const std::shared_ptr<Counted> before = counted_;
  const bool merges =
      !full_state_update() &&
      std::none_of(before->states.begin(), before->states.end(),
                   [](const auto& item) { return item.second.reduce == StateReduce::none; });
  OfBatch of;
  const auto value_of = [&](Metric& metric) {
    const std::shared_ptr<Counted> own = std::exchange(metric.counted_, of.counted);
    try {
      const torch::Tensor value = metric.named([&] { return metric.compute_state(); });
      const bool is_state =
          std::any_of(of.counted->states.begin(), of.counted->states.end(),
                      [&](const auto& item) { return item.second.value.is_same(value); });
      of.values.push_back(is_state ? value.clone() : value);
    } catch (...) {
      metric.counted_ = own;
      throw;
    }
    metric.counted_ = own;
  };
  try {
    counted_ = none_counted();
    count(batch);
    of.counted = counted_;
    value_of(*this);
    for (Metric* follower : followers) value_of(*follower);
    if (!merges) {
      const torch::NoGradGuard without;
      counted_ = copy_of(*before);
      count(batch);
      of.whole = counted_;
    }
  } catch (...) {
    counted_ = before;
    throw;
  }
  counted_ = before;
  for (auto& [name, state] : of.counted->states) {
    if (state.value.defined()) state.value = state.value.detach();
    for (torch::Tensor& tensor : state.list) tensor = tensor.detach();
  }
  return of;
}

void Metric::take(const OfBatch& batch) {
  const Plain plain;
  if (batch.whole != nullptr) {
    counted_ = batch.whole;
    leader_.reset();
  } else {
    append(own(), *batch.counted);
  }
  last_value_ = batch.values.front().detach();
}

torch::Tensor Metric::compute() {
  if (computed_.defined() && computed_of_ == counted_->version) return computed_;
  const Plain plain;
  if (update_count() == 0) {
    warn(fmt::format("compute() of {} was called before its update(); its value is that of no data",
                     class_name(*this)));
  }
  torch::Tensor value = named([&] {
                          look_at_states();
                          return compute_state();
                        }).detach();
  for (const auto& [name, state] : counted_->states) {
    if (state.value.defined() && value.is_alias_of(state.value)) value = value.clone();
  }
  computed_ = value;
  computed_of_ = counted_->version;
  return computed_;
}

std::shared_ptr<torch::nn::Module> Metric::clone(const c10::optional<torch::Device>& device) const {
  if (clone_ == nullptr || *cloned_class_ != typeid(*this)) {
    throw Error(fmt::format("{} cannot be cloned; make it by lit::metric<{}>()", class_name(*this),
                            class_name(*this)));
  }
  const std::shared_ptr<Metric> copy = clone_(*this);
  if (device) copy->to(*device);
  return copy;
}

}  // namespace lit
