// BaseFinetuning, BackboneFinetuning: parts of a module that are frozen at first.
#include "lit/callbacks/finetuning.h"

#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <algorithm>
#include <utility>

#include "lit/checkpoint/errors.h"
#include "lit/core/messages.h"
#include "lit/core/names.h"
#include "lit/error.h"
#include "lit/trainer/trainer.h"
#include "serialize/checked.h"
#include "serialize/optimizer_state.h"
#include "serialize/parameters.h"

namespace lit {
namespace {

// c10::optional or std::optional, as libtorch's version has it.
using Momentum =
    std::remove_cvref_t<decltype(std::declval<torch::nn::BatchNormOptions&>().momentum())>;

// How fast a batch normalisation's running statistics follow; nullptr: it is not one.
Momentum* bn_momentum(torch::nn::Module& module) {
  if (auto* bn = module.as<torch::nn::BatchNorm1d>()) return &bn->options.momentum();
  if (auto* bn = module.as<torch::nn::BatchNorm2d>()) return &bn->options.momentum();
  if (auto* bn = module.as<torch::nn::BatchNorm3d>()) return &bn->options.momentum();
  return nullptr;
}

// Each of these modules and of those inside of them, once.
BaseFinetuning::Modules flattened(const BaseFinetuning::Modules& modules) {
  BaseFinetuning::Modules all;
  for (const auto& module : modules) {
    if (module == nullptr) throw Error("a finetuning callback was given a module that is null");
    for (const auto& part : module->modules()) {
      if (std::find(all.begin(), all.end(), part) == all.end()) all.push_back(part);
    }
  }
  return all;
}

// The first names under which a module has these parameters.
std::vector<std::string> names_of(const LightningModule& module,
                                  const std::vector<torch::Tensor>& parameters) {
  const auto wanted = course::identities(parameters);
  std::vector<std::string> names;
  for (const auto& item : module.named_parameters()) {
    if (wanted.count(course::identity(item.value())) != 0) names.push_back(item.key());
  }
  return names;
}

}  // namespace

std::vector<torch::Tensor> BaseFinetuning::trainable(const std::vector<torch::Tensor>& parameters) {
  std::vector<torch::Tensor> some;
  for (const torch::Tensor& parameter : course::each_once(parameters)) {
    if (parameter.requires_grad()) some.push_back(parameter);
  }
  return some;
}

void BaseFinetuning::freeze(const Modules& modules, bool train_bn) {
  for (const auto& part : flattened(modules)) {
    Momentum* momentum = bn_momentum(*part);
    const bool trains = momentum != nullptr && train_bn;
    for (torch::Tensor& parameter : part->parameters(/*recurse=*/false)) {
      parameter.set_requires_grad(trains);
    }
    // Python turns track_running_stats off; in C++ that would turn the statistics' use off, too.
    if (momentum != nullptr && !train_bn) {
      stilled_.emplace(part.get(), *momentum ? std::optional<double>(**momentum) : std::nullopt);
      *momentum = 0.0;
    }
  }
}

void BaseFinetuning::make_trainable(const Modules& modules) {
  for (const auto& part : flattened(modules)) {
    for (torch::Tensor& parameter : part->parameters(/*recurse=*/false)) {
      parameter.set_requires_grad(true);
    }
    if (const auto stilled = stilled_.find(part.get()); stilled != stilled_.end()) {
      *bn_momentum(*part) = stilled->second ? Momentum(*stilled->second) : Momentum();
      stilled_.erase(stilled);
    }
  }
}

void BaseFinetuning::unfreeze_and_add_param_group(const Modules& modules,
                                                  torch::optim::Optimizer& optimizer,
                                                  std::optional<double> lr, double initial_denom_lr,
                                                  bool train_bn) {
  make_trainable(modules);
  std::vector<torch::Tensor> all;
  for (const auto& part : flattened(modules)) {
    if (bn_momentum(*part) != nullptr && !train_bn) continue;
    const auto own = part->parameters(/*recurse=*/false);
    all.insert(all.end(), own.begin(), own.end());
  }
  const auto known = course::identities(course::parameters(optimizer));
  std::vector<torch::Tensor> added;
  int64_t skipped = 0;
  for (const torch::Tensor& parameter : course::each_once(all)) {
    if (known.count(course::identity(parameter)) == 0) {
      added.push_back(parameter);
    } else {
      ++skipped;
    }
  }
  if (skipped > 0) {
    warn(fmt::format(
        "{} parameters that are unfrozen are in the optimizer already, and get no new group; in "
        "configure_optimizers() give it BaseFinetuning::trainable(parameters())",
        skipped));
  }
  if (added.empty()) return;
  const double first = optimizer.param_groups().front().options().get_lr();
  add_group(optimizer, std::move(added), lr ? *lr : first / initial_denom_lr);
}

void BaseFinetuning::add_group(torch::optim::Optimizer& optimizer,
                               std::vector<torch::Tensor> parameters, double lr) {
  torch::optim::OptimizerParamGroup group(std::move(parameters),
                                          optimizer.param_groups().front().options().clone());
  group.options().set_lr(lr);
  optimizer.add_param_group(group);
}

void BaseFinetuning::setup(Trainer& trainer, LightningModule& module, const std::string& stage) {
  if (stage != "fit") return;
  freeze_before_training(module);
  if (trainer.current_epoch() > 0) {
    restored_ = true;  // a second fit makes new optimizers
  } else if (!restored_) {
    groups_.clear();
    unfrozen_.clear();
  }
}

// After a resume: the groups that came later are there before the optimizer's state is loaded.
void BaseFinetuning::on_fit_start(Trainer& trainer, LightningModule& module) {
  if (!std::exchange(restored_, false)) return;
  Modules unfrozen;
  for (const auto& part : module.named_modules()) {
    if (unfrozen_.count(part.key()) != 0) unfrozen.push_back(part.value());
  }
  make_trainable(unfrozen);
  go_on_with(trainer.ckpt_path(), [&] { add_groups(trainer, module); });
}

// Those that are not kept yet.
void BaseFinetuning::keep_groups(const LightningModule& module,
                                 const torch::optim::Optimizer& optimizer,
                                 course::List& kept) const {
  const auto& groups = optimizer.param_groups();
  if (kept.size() >= groups.size()) return;
  course::List options(groups.size(), course::Dict());
  try {
    options = course::optimizer_state_dict(optimizer).at("param_groups").as_list();
  } catch (const course::Error&) {  // of an optimizer that cannot be resumed anyway
  }
  for (size_t g = kept.size(); g < groups.size(); ++g) {
    course::Dict group = options[g].as_dict();
    course::List names;
    for (const std::string& name : names_of(module, groups[g].params())) names.emplace_back(name);
    group.set("params", names);
    kept.emplace_back(group);
  }
}

void BaseFinetuning::add_groups(Trainer& trainer, LightningModule& module) {
  const auto named = module.named_parameters();
  for (auto& [number, kept] : groups_) {
    if (number >= static_cast<int64_t>(trainer.optimizers().size())) {
      throw Error(fmt::format("internal_optimizer_metadata is of {} optimizers, but there are {}",
                              number + 1, trainer.optimizers().size()));
    }
    torch::optim::Optimizer& optimizer = *trainer.optimizers()[static_cast<size_t>(number)];
    if (only_added_) {
      course::List all;
      keep_groups(module, optimizer, all);
      all.insert(all.end(), kept.begin(), kept.end());
      kept = all;
    }
    for (size_t g = optimizer.param_groups().size(); g < kept.size(); ++g) {
      std::vector<torch::Tensor> parameters;
      for (const course::Value& name : kept[g].as_dict().at("params").as_list()) {
        const torch::Tensor* parameter = named.find(name.as_string());
        if (parameter == nullptr) {
          throw Error(
              fmt::format("internal_optimizer_metadata has a parameter group with the params {}, "
                          "which the module does not have",
                          name.as_string()));
        }
        parameters.push_back(*parameter);
        parameters.back().set_requires_grad(true);
      }
      add_group(optimizer, std::move(parameters),
                optimizer.param_groups().front().options().get_lr());
    }
  }
  only_added_ = false;
}

void BaseFinetuning::on_train_epoch_start(Trainer& trainer, LightningModule& module) {
  const auto frozen = [&] {
    std::set<std::string> names;
    for (const auto& part : module.named_modules()) {
      const auto own = part.value()->parameters(/*recurse=*/false);
      if (stilled_.count(part.value().get()) != 0 ||
          std::any_of(own.begin(), own.end(), [](const auto& p) { return !p.requires_grad(); })) {
        names.insert(part.key());
      }
    }
    return names;
  };
  const std::set<std::string> before = frozen();
  for (size_t i = 0; i < trainer.optimizers().size(); ++i) {
    torch::optim::Optimizer& optimizer = *trainer.optimizers()[i];
    course::List& kept = groups_[static_cast<int64_t>(i)];
    keep_groups(module, optimizer, kept);
    finetune_function(module, trainer.current_epoch(), optimizer);
    keep_groups(module, optimizer, kept);
  }
  const std::set<std::string> after = frozen();
  std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                      std::inserter(unfrozen_, unfrozen_.end()));
}

course::Dict BaseFinetuning::state_dict() const {
  course::Dict groups;
  for (const auto& [number, kept] : groups_) groups.set(number, kept);
  course::List unfrozen;
  for (const std::string& name : unfrozen_) unfrozen.emplace_back(name);
  return {{"internal_optimizer_metadata", groups}, {"unfrozen", unfrozen}};
}

void BaseFinetuning::load_state_dict(const course::Dict& state) {
  const std::string key = "internal_optimizer_metadata";
  const auto checked = [](const course::Value& value, const std::string& at) {
    const course::Dict& group = course::dict(value, at);
    for (const course::Value& name : course::list(group, "params")) {
      course::text(name, at + ".params");
    }
    return group;
  };
  Groups loaded;
  const course::Value& metadata = state.at(key);
  only_added_ = metadata.is<course::List>();
  if (only_added_) {  // version 0.1
    for (const course::Value& value : metadata.as_list()) {
      const course::Dict group = checked(value, key);
      course::within(key, [&] { loaded[course::whole(group, "optimizer")].emplace_back(group); });
    }
  } else {
    for (const auto& [number, groups] : course::dict(metadata, key)) {
      course::List& kept = loaded[course::whole(number, "a key of " + key)];
      for (const course::Value& value : course::list(groups, key)) {
        kept.emplace_back(checked(value, fmt::format("{}[{}]", key, kept.size())));
      }
    }
  }
  std::set<std::string> unfrozen;
  if (state.find("unfrozen") != nullptr) {  // Lightning keeps no such thing
    for (const course::Value& name : course::list(state, "unfrozen")) {
      unfrozen.insert(course::text(name, "unfrozen"));
    }
  }
  groups_ = std::move(loaded);
  unfrozen_ = std::move(unfrozen);
  restored_ = true;
}

// --- The backbone -----------------------------------------------------------------------------

namespace {

BaseFinetuning::Modules backbone_of(const LightningModule& module) {
  const auto children = module.named_children();
  if (const auto* backbone = children.find("backbone")) return {*backbone};
  std::string known;
  for (const auto& child : children) known += " " + child.key();
  throw Error(
      fmt::format("BackboneFinetuning needs a part of {} that is registered as \"backbone\"; its "
                  "parts are:{}",
                  class_name(module), known.empty() ? " none" : known));
}

}  // namespace

BackboneFinetuning::BackboneFinetuning(Options options) : options_(std::move(options)) {}

void BackboneFinetuning::freeze_before_training(LightningModule& module) {
  freeze(backbone_of(module), options_.train_bn);
}

void BackboneFinetuning::finetune_function(LightningModule& module, int64_t epoch,
                                           torch::optim::Optimizer& optimizer) {
  const double main = optimizer.param_groups().front().options().get_lr();
  if (epoch < options_.unfreeze_backbone_at_epoch) return;
  if (epoch == options_.unfreeze_backbone_at_epoch) {
    previous_backbone_lr_ =
        options_.backbone_initial_lr.value_or(main * options_.backbone_initial_ratio_lr);
    unfreeze_and_add_param_group(backbone_of(module), optimizer, previous_backbone_lr_,
                                 options_.initial_denom_lr, options_.train_bn);
  } else {
    double next = options_.lambda_func(epoch + 1) * previous_backbone_lr_;
    if (options_.should_align && next > main) next = main;
    optimizer.param_groups().back().options().set_lr(next);
    previous_backbone_lr_ = next;
  }
  if (options_.verbose) {
    info(fmt::format("epoch {}: learning rate {:.12g}, of the backbone {:.12g}", epoch, main,
                     previous_backbone_lr_));
  }
}

course::Dict BackboneFinetuning::state_dict() const {
  course::Dict state = BaseFinetuning::state_dict();
  state.set("previous_backbone_lr", previous_backbone_lr_);
  return state;
}

void BackboneFinetuning::load_state_dict(const course::Dict& state) {
  BaseFinetuning::load_state_dict(state);
  const bool is_known = !state.at("previous_backbone_lr").is_none();
  previous_backbone_lr_ =
      is_known ? course::number(state, "previous_backbone_lr", course::kLearningRate) : 0;
}

}  // namespace lit
