// An optimizer's state as a dict with Python's layout, and back.
#include "serialize/optimizer_state.h"

#include <torch/torch.h>

#include <memory>
#include <set>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>

#include "compat/torch.h"
#include "error.h"
#include "serialize/checked.h"
#include "serialize/parameters.h"

namespace course {
namespace {

using torch::optim::Optimizer;
using torch::optim::OptimizerOptions;
using torch::optim::OptimizerParamState;

// --- Each kind: what its groups are set to, what it keeps of a parameter, by Python's names, and
// --- the option for which it needs one of these, if it is not always there

template <typename O, typename S>
struct AdamLayout {
  using Options = O;
  using State = S;
  static void options(auto& o, auto&& each) {
    each("lr", o.lr());
    each("betas", o.betas());
    each("eps", o.eps());
    each("weight_decay", o.weight_decay());
    each("amsgrad", o.amsgrad());
  }
  static void state(auto& s, auto&& each) {
    each("step", s.step());
    each("exp_avg", s.exp_avg());
    each("exp_avg_sq", s.exp_avg_sq());
    each("max_exp_avg_sq", s.max_exp_avg_sq());
  }
  static const char* needed_for(const Options& o, std::string_view name) {
    return name == "max_exp_avg_sq" && o.amsgrad() ? "amsgrad" : nullptr;
  }
};

struct SgdLayout {
  using Options = torch::optim::SGDOptions;
  using State = torch::optim::SGDParamState;
  static void options(auto& o, auto&& each) {
    each("lr", o.lr());
    each("momentum", o.momentum());
    each("dampening", o.dampening());
    each("weight_decay", o.weight_decay());
    each("nesterov", o.nesterov());
  }
  static void state(auto& s, auto&& each) { each("momentum_buffer", s.momentum_buffer()); }
  static const char* needed_for(const Options&, std::string_view) { return nullptr; }
};

struct RmspropLayout {
  using Options = torch::optim::RMSpropOptions;
  using State = torch::optim::RMSpropParamState;
  static void options(auto& o, auto&& each) {
    each("lr", o.lr());
    each("momentum", o.momentum());
    each("alpha", o.alpha());
    each("eps", o.eps());
    each("centered", o.centered());
    each("weight_decay", o.weight_decay());
  }
  static void state(auto& s, auto&& each) {
    each("step", s.step());
    each("square_avg", s.square_avg());
    each("momentum_buffer", s.momentum_buffer());
    each("grad_avg", s.grad_avg());
  }
  static const char* needed_for(const Options& o, std::string_view name) {
    if (name == "momentum_buffer" && o.momentum() > 0) return "momentum";
    return name == "grad_avg" && o.centered() ? "centered" : nullptr;
  }
};

struct AdagradLayout {
  using Options = torch::optim::AdagradOptions;
  using State = torch::optim::AdagradParamState;
  static void options(auto& o, auto&& each) {
    each("lr", o.lr());
    each("lr_decay", o.lr_decay());
    each("eps", o.eps());
    each("weight_decay", o.weight_decay());
    each("initial_accumulator_value", o.initial_accumulator_value());
  }
  static void state(auto& s, auto&& each) {
    each("step", s.step());
    each("sum", s.sum());
  }
  static const char* needed_for(const Options&, std::string_view) { return nullptr; }
};

// --- Between a member and a value -------------------------------------------------------------

using Betas = std::tuple<double, double>;

Value value_of(double number) {
  return number;
}
Value value_of(bool flag) {
  return flag;
}
Value value_of(const Betas& betas) {
  return Tuple{{std::get<0>(betas), std::get<1>(betas)}};
}

// As the optimizers' constructors have it.
Bounds bounds_of(std::string_view option) {
  if (option == "lr") return kLearningRate;
  if (option == "dampening") return {.least = -kMostFactor, .most = kMostFactor};
  if (option == "alpha") return {.least = 0, .most = 1};
  return {.least = 0, .most = kMostFactor};
}

void read(const Dict& group, const char* name, double& option) {
  option = number(group, name, bounds_of(name));
}
void read(const Dict& group, const char* name, bool& option) {
  option = flag(group, name);
}
void read(const Dict& group, const char* name, Betas& betas) {
  const std::vector<double> pair = numbers(group, name, {.least = 0, .most = 1, .below = true});
  if (pair.size() != 2) refuse_value(group.at(name), name, "two numbers");
  betas = {pair[0], pair[1]};
}

template <typename Layout>
Dict group_of(const typename Layout::Options& options) {
  Dict group;
  Layout::options(options,
                  [&](const char* name, const auto& member) { group.set(name, value_of(member)); });
  // The keys of Python's newer versions; older ones pay no attention to them.
  group.set("maximize", false);
  group.set("foreach", Value());
  group.set("capturable", false);
  group.set("differentiable", false);
  group.set("fused", Value());
  return group;
}

template <typename Layout>
void set_options(typename Layout::Options& options, const Dict& group) {
  const Value* maximize = group.find("maximize");
  if (maximize != nullptr && maximize->is<bool>() && maximize->as_bool()) {
    throw Error("the optimizer's state is of one that maximizes, which C++'s do not");
  }
  Layout::options(options, [&](const char* name, auto& member) { read(group, name, member); });
}

// Python counts steps in a tensor of float32.
template <typename Layout>
Dict state_of(const typename Layout::State& state) {
  Dict dict;
  Layout::state(state, [&](const char* name, const auto& member) {
    if constexpr (std::is_same_v<std::decay_t<decltype(member)>, torch::Tensor>) {
      if (member.defined()) dict.set(name, member.detach());
    } else {
      dict.set(name, torch::scalar_tensor(static_cast<double>(member), torch::kFloat32));
    }
  });
  return dict;
}

bool is_optional(const std::string& name) {
  return name == "max_exp_avg_sq" || name == "momentum_buffer" || name == "grad_avg";
}

// NaN among its numbers is what a run that has diverged goes on with.
const torch::Tensor& moment(const Value& value, const char* name, const torch::Tensor& parameter) {
  const auto fits = [&](const torch::Tensor& tensor) {
    return tensor.sizes() == parameter.sizes() && tensor.is_complex() == parameter.is_complex() &&
           (tensor.is_floating_point() || tensor.is_complex());
  };
  if (!value.is<torch::Tensor>() || !fits(value.as_tensor())) {
    refuse_value(value, name,
                 "a tensor like its parameter, " + c10::str(parameter.sizes()) + " of " +
                     c10::toString(parameter.scalar_type()));
  }
  return value.as_tensor();
}

// Tensors like their parameter, on its device; those that this optimizer does not use are not
// there. Without any the parameter has no state yet.
template <typename Layout>
std::unique_ptr<OptimizerParamState> state_of(const torch::Tensor& parameter, const Dict& from,
                                              const typename Layout::Options& options) {
  auto state = std::make_unique<typename Layout::State>();
  bool any = false;
  std::string missing;
  Layout::state(*state, [&](const char* name, auto& member) {
    const Value* found = from.find(name);
    if (found == nullptr || found->is_none()) {
      const char* option = Layout::needed_for(options, name);
      if (option != nullptr)
        missing = name + std::string(" is missing, which ") + option + " needs";
      if (!is_optional(name)) missing = name + std::string(" is missing");
      return;
    }
    any = true;
    if constexpr (std::is_same_v<std::decay_t<decltype(member)>, torch::Tensor>) {
      member =
          moment(*found, name, parameter).to(parameter.device(), parameter.scalar_type()).clone();
    } else {
      member = whole(*found, name);
    }
  });
  if (!any) return nullptr;
  if (!missing.empty()) throw Error(missing);
  return state;
}

// Calls `function` with the layout of the optimizer's kind, which its options tell.
template <typename Function>
auto with_layout(const Optimizer& optimizer, Function&& function) {
  using namespace torch::optim;
  using Adam = AdamLayout<AdamOptions, AdamParamState>;
  using AdamW = AdamLayout<AdamWOptions, AdamWParamState>;
  const OptimizerOptions& options = optimizer.param_groups().at(0).options();
  const auto is = [&]<typename L>(std::type_identity<L>) {
    return dynamic_cast<const typename L::Options*>(&options) != nullptr;
  };
  if (is(std::type_identity<Adam>())) return function(Adam());
  if (is(std::type_identity<AdamW>())) return function(AdamW());
  if (is(std::type_identity<SgdLayout>())) return function(SgdLayout());
  if (is(std::type_identity<RmspropLayout>())) return function(RmspropLayout());
  if (is(std::type_identity<AdagradLayout>())) return function(AdagradLayout());
  throw Error(
      "the state of this kind of optimizer cannot be kept; Adam, AdamW, SGD, RMSprop and Adagrad's "
      "can");
}

}  // namespace

Dict optimizer_state_dict(const Optimizer& optimizer) {
  return with_layout(optimizer, [&](auto layout) {
    using Layout = decltype(layout);
    Dict states;
    List groups;
    std::unordered_map<const void*, int64_t> numbers;
    for (const auto& group : optimizer.param_groups()) {
      Dict options =
          group_of<Layout>(static_cast<const typename Layout::Options&>(group.options()));
      List params;
      for (const torch::Tensor& parameter : each_once(group.params())) {
        const auto next = static_cast<int64_t>(numbers.size());
        const int64_t number = numbers.emplace(identity(parameter), next).first->second;
        const auto found =
            optimizer.state().find(compat::optimizer_state_key(optimizer, parameter));
        if (found != optimizer.state().end()) {
          states.set(number,
                     state_of<Layout>(static_cast<const typename Layout::State&>(*found->second)));
        }
        params.emplace_back(number);
      }
      options.set("params", params);
      groups.emplace_back(options);
    }
    return Dict{{"state", states}, {"param_groups", groups}};
  });
}

void load_optimizer_state_dict(Optimizer& optimizer, const Dict& state) {
  with_layout(optimizer, [&](auto layout) {
    using Layout = decltype(layout);
    const Dict& states = dict(state, "state");
    const List& saved = list(state, "param_groups");
    auto& groups = optimizer.param_groups();
    if (saved.size() != groups.size()) {
      throw Error("the optimizer's state is of " + std::to_string(saved.size()) +
                  " parameter groups (param_groups), but it has " + std::to_string(groups.size()));
    }
    std::vector<std::unique_ptr<OptimizerOptions>> options;
    std::vector<std::pair<torch::Tensor, std::unique_ptr<OptimizerParamState>>> loaded;
    std::set<int64_t> known;
    const auto read_group = [&](const Dict& group, const torch::optim::OptimizerParamGroup& own) {
      const List& params = list(group, "params");
      const std::vector<torch::Tensor> parameters = each_once(own.params());
      if (params.size() != parameters.size()) {
        throw Error("its params are " + std::to_string(params.size()) +
                    ", but the optimizer's group has " + std::to_string(parameters.size()));
      }
      options.push_back(own.options().clone());
      auto& set = static_cast<typename Layout::Options&>(*options.back());
      set_options<Layout>(set, group);
      for (size_t i = 0; i < params.size(); ++i) {
        const int64_t number = whole(params[i], "params[" + std::to_string(i) + "]");
        if (!known.insert(number).second) {
          throw Error("params have the number " + std::to_string(number) + " twice");
        }
        const Value* found = states.find(number);
        loaded.emplace_back(parameters[i], nullptr);
        if (found == nullptr) continue;
        const std::string name = "state[" + std::to_string(number) + "]";
        within(name, [&] {
          loaded.back().second = state_of<Layout>(parameters[i], dict(*found, name), set);
        });
      }
    };
    for (size_t g = 0; g < groups.size(); ++g) {
      const std::string name = "param_groups[" + std::to_string(g) + "]";
      within(name, [&] { read_group(dict(saved[g], name), groups[g]); });
    }
    for (const auto& [number, of_parameter] : states) {
      if (known.count(whole(number, "a key of state")) != 0) continue;
      throw Error("state has the parameter " + std::to_string(number.as_int()) +
                  ", which is in the params of no group");
    }
    for (size_t g = 0; g < groups.size(); ++g) groups[g].set_options(std::move(options[g]));
    for (auto& [parameter, one] : loaded) {
      const auto key = compat::optimizer_state_key(optimizer, parameter);
      if (one == nullptr) {
        optimizer.state().erase(key);
      } else {
        optimizer.state()[key] = std::move(one);
      }
    }
  });
}

}  // namespace course
