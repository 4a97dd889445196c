// An optimizer's state as a dict with Python's layout, and back.
#include "serialize/optimizer_state.h"

#include <torch/torch.h>

#include <memory>
#include <tuple>
#include <utility>

#include "compat/torch.h"
#include "error.h"

namespace course {
namespace {

using torch::optim::Optimizer;
using torch::optim::OptimizerOptions;
using torch::optim::OptimizerParamState;

// Python counts steps in a tensor of float32.
Value step_value(int64_t step) {
  return torch::scalar_tensor(static_cast<double>(step), torch::kFloat32);
}

int64_t step_of(const Dict& state) {
  const Value& step = state.at("step");
  return step.is<torch::Tensor>() ? step.as_tensor().item<int64_t>() : step.as_int();
}

// The keys of Python's newer versions; older ones pay no attention to them.
void add_common(Dict& group) {
  group.set("maximize", false);
  group.set("foreach", Value());
  group.set("capturable", false);
  group.set("differentiable", false);
  group.set("fused", Value());
}

void refuse_maximize(const Dict& group) {
  const Value* maximize = group.find("maximize");
  if (maximize != nullptr && maximize->is<bool>() && maximize->as_bool()) {
    throw Error("the optimizer's state is of one that maximizes, which C++'s do not");
  }
}

bool flag(const Dict& group, const char* name) {
  return group.at(name).as_bool();
}

// A tensor of the state: like its parameter, and on its device.
torch::Tensor like(const torch::Tensor& parameter, const Dict& state, const char* name) {
  const torch::Tensor& found = state.at(name).as_tensor();
  if (found.sizes() != parameter.sizes()) {
    throw Error(std::string("the optimizer's ") + name + " has the shape " +
                c10::str(found.sizes()) + ", but its parameter " + c10::str(parameter.sizes()));
  }
  return found.to(parameter.device(), parameter.scalar_type()).clone();
}

torch::Tensor like_if_there(const torch::Tensor& parameter, const Dict& state, const char* name) {
  const Value* found = state.find(name);
  if (found == nullptr || found->is_none()) return {};
  return like(parameter, state, name);
}

void set_if_defined(Dict& state, const char* name, const torch::Tensor& tensor) {
  if (tensor.defined()) state.set(name, tensor.detach());
}

// --- Each kind: what its groups are set to, and what it keeps of a parameter --------------------

template <typename O, typename S>
struct AdamLayout {
  using Options = O;
  using State = S;
  static Dict group(const Options& o) {
    Dict group{{"lr", o.lr()},
               {"betas", Tuple{{std::get<0>(o.betas()), std::get<1>(o.betas())}}},
               {"eps", o.eps()},
               {"weight_decay", o.weight_decay()},
               {"amsgrad", o.amsgrad()}};
    add_common(group);
    return group;
  }
  static void set(Options& o, const Dict& group) {
    refuse_maximize(group);
    const Value& betas = group.at("betas");
    const List& pair = betas.is<List>() ? betas.as_list() : betas.as_tuple();
    if (pair.size() != 2) throw Error("the optimizer's betas are not two numbers");
    o.lr(group.at("lr").as_double())
        .betas(std::make_tuple(pair[0].as_double(), pair[1].as_double()))
        .eps(group.at("eps").as_double())
        .weight_decay(group.at("weight_decay").as_double())
        .amsgrad(flag(group, "amsgrad"));
  }
  static Dict state(const State& s) {
    Dict state{{"step", step_value(s.step())},
               {"exp_avg", s.exp_avg().detach()},
               {"exp_avg_sq", s.exp_avg_sq().detach()}};
    set_if_defined(state, "max_exp_avg_sq", s.max_exp_avg_sq());
    return state;
  }
  static std::unique_ptr<State> state(const torch::Tensor& parameter, const Dict& from) {
    auto state = std::make_unique<State>();
    state->step(step_of(from));
    state->exp_avg(like(parameter, from, "exp_avg"));
    state->exp_avg_sq(like(parameter, from, "exp_avg_sq"));
    state->max_exp_avg_sq(like_if_there(parameter, from, "max_exp_avg_sq"));
    return state;
  }
};

struct SgdLayout {
  using Options = torch::optim::SGDOptions;
  using State = torch::optim::SGDParamState;
  static Dict group(const Options& o) {
    Dict group{{"lr", o.lr()},
               {"momentum", o.momentum()},
               {"dampening", o.dampening()},
               {"weight_decay", o.weight_decay()},
               {"nesterov", o.nesterov()}};
    add_common(group);
    return group;
  }
  static void set(Options& o, const Dict& group) {
    refuse_maximize(group);
    o.lr(group.at("lr").as_double());
    o.momentum(group.at("momentum").as_double());
    o.dampening(group.at("dampening").as_double());
    o.weight_decay(group.at("weight_decay").as_double());
    o.nesterov(flag(group, "nesterov"));
  }
  static Dict state(const State& s) {
    Dict state;
    set_if_defined(state, "momentum_buffer", s.momentum_buffer());
    return state;
  }
  static std::unique_ptr<State> state(const torch::Tensor& parameter, const Dict& from) {
    const torch::Tensor buffer = like_if_there(parameter, from, "momentum_buffer");
    if (!buffer.defined()) return nullptr;  // as before the first step with momentum
    auto state = std::make_unique<State>();
    state->momentum_buffer(buffer);
    return state;
  }
};

struct RmspropLayout {
  using Options = torch::optim::RMSpropOptions;
  using State = torch::optim::RMSpropParamState;
  static Dict group(const Options& o) {
    Dict group{{"lr", o.lr()},   {"momentum", o.momentum()}, {"alpha", o.alpha()},
               {"eps", o.eps()}, {"centered", o.centered()}, {"weight_decay", o.weight_decay()}};
    add_common(group);
    return group;
  }
  static void set(Options& o, const Dict& group) {
    refuse_maximize(group);
    o.lr(group.at("lr").as_double());
    o.momentum(group.at("momentum").as_double());
    o.alpha(group.at("alpha").as_double());
    o.eps(group.at("eps").as_double());
    o.centered(flag(group, "centered"));
    o.weight_decay(group.at("weight_decay").as_double());
  }
  static Dict state(const State& s) {
    Dict state{{"step", step_value(s.step())}, {"square_avg", s.square_avg().detach()}};
    set_if_defined(state, "momentum_buffer", s.momentum_buffer());
    set_if_defined(state, "grad_avg", s.grad_avg());
    return state;
  }
  static std::unique_ptr<State> state(const torch::Tensor& parameter, const Dict& from) {
    auto state = std::make_unique<State>();
    state->step(step_of(from));
    state->square_avg(like(parameter, from, "square_avg"));
    state->momentum_buffer(like_if_there(parameter, from, "momentum_buffer"));
    state->grad_avg(like_if_there(parameter, from, "grad_avg"));
    return state;
  }
};

struct AdagradLayout {
  using Options = torch::optim::AdagradOptions;
  using State = torch::optim::AdagradParamState;
  static Dict group(const Options& o) {
    Dict group{{"lr", o.lr()},
               {"lr_decay", o.lr_decay()},
               {"eps", o.eps()},
               {"weight_decay", o.weight_decay()},
               {"initial_accumulator_value", o.initial_accumulator_value()}};
    add_common(group);
    return group;
  }
  static void set(Options& o, const Dict& group) {
    refuse_maximize(group);
    o.lr(group.at("lr").as_double());
    o.lr_decay(group.at("lr_decay").as_double());
    o.eps(group.at("eps").as_double());
    o.weight_decay(group.at("weight_decay").as_double());
    o.initial_accumulator_value(group.at("initial_accumulator_value").as_double());
  }
  static Dict state(const State& s) {
    return {{"step", step_value(s.step())}, {"sum", s.sum().detach()}};
  }
  static std::unique_ptr<State> state(const torch::Tensor& parameter, const Dict& from) {
    auto state = std::make_unique<State>();
    state->step(step_of(from));
    state->sum(like(parameter, from, "sum"));
    return state;
  }
};

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
    int64_t number = 0;
    for (const auto& group : optimizer.param_groups()) {
      Dict options = Layout::group(static_cast<const typename Layout::Options&>(group.options()));
      List params;
      for (const torch::Tensor& parameter : group.params()) {
        const auto found =
            optimizer.state().find(compat::optimizer_state_key(optimizer, parameter));
        if (found != optimizer.state().end()) {
          states.set(number,
                     Layout::state(static_cast<const typename Layout::State&>(*found->second)));
        }
        params.emplace_back(number++);
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
    const Dict& states = state.at("state").as_dict();
    const List& saved = state.at("param_groups").as_list();
    auto& groups = optimizer.param_groups();
    if (saved.size() != groups.size()) {
      throw Error("the optimizer's state is of " + std::to_string(saved.size()) +
                  " parameter groups, but it has " + std::to_string(groups.size()));
    }
    std::vector<std::unique_ptr<OptimizerOptions>> options;
    std::vector<std::pair<torch::Tensor, std::unique_ptr<OptimizerParamState>>> loaded;
    for (size_t g = 0; g < groups.size(); ++g) {
      const Dict& group = saved[g].as_dict();
      const List& params = group.at("params").as_list();
      if (params.size() != groups[g].params().size()) {
        throw Error("group " + std::to_string(g) + " of the optimizer's state has " +
                    std::to_string(params.size()) + " parameters, but the optimizer's has " +
                    std::to_string(groups[g].params().size()));
      }
      options.push_back(groups[g].options().clone());
      Layout::set(static_cast<typename Layout::Options&>(*options.back()), group);
      for (size_t i = 0; i < params.size(); ++i) {
        const torch::Tensor& parameter = groups[g].params()[i];
        const Value* of_parameter = states.find(params[i]);
        loaded.emplace_back(parameter, of_parameter == nullptr
                                           ? nullptr
                                           : Layout::state(parameter, of_parameter->as_dict()));
      }
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
