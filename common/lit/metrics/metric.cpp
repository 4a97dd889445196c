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
#include "serialize/checked.h"
#include "serialize/python_text.h"

namespace lit {
namespace {

// Around everything that touches states: they record no graph, and can be written to wherever they
// were made (tensors that are made in inference mode could not, outside of it).
struct Plain {
  torch::InferenceMode off{false};
  torch::NoGradGuard no_grad;
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

std::string shape_and_dtype(const torch::Tensor& tensor) {
  return fmt::format("a tensor of shape {} and dtype {}", c10::str(tensor.sizes()),
                     c10::toString(tensor.scalar_type()));
}

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

const char* const kUpdateCount = "update_count";
const char* const kOptions = "options";

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

// --- Files and devices ------------------------------------------------------------------------

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
