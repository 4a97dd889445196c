// Checkpoints outside of a run: reading one, and making a module of it.
#pragma once

#include <concepts>
#include <filesystem>
#include <memory>
#include <optional>

#include "lit/core/module.h"
#include "serialize/value.h"

namespace lit {

/// The version of Lightning whose layout a checkpoint has, and that of what we add to it.
inline constexpr const char* kLightningVersion = "2.5.0";
inline constexpr int64_t kCheckpointFormat = 1;

/// The content of a checkpoint of ours or of Lightning's; a state_dict by itself, as Python saves
/// them, is one with nothing else in it.
/// @throws Error for a file that is missing, damaged, none, or of a newer version than this library
course::Dict read_checkpoint(const std::filesystem::path& path);

/// Is it a checkpoint of a run, of ours or of Lightning's? Its content tells, all of which is read.
bool is_checkpoint_file(const std::filesystem::path& path);

struct LoadOptions {
  /// Must all weights be there, and no others? By default what the module's strict_loading says.
  std::optional<bool> strict = std::nullopt;
};

/// Calls on_load_checkpoint(), and copies the weights into the module.
/// @throws Error as read_checkpoint(), or if the weights are not those of the module
void load_checkpoint_into(LightningModule& module, const std::filesystem::path& path,
                          LoadOptions options = {});

/// The hyperparameters in a checkpoint, with `overrides` in their places.
course::Dict hyper_parameters(const std::filesystem::path& path,
                              const course::Dict& overrides = {});

/// A module with the weights of a checkpoint, on the CPU (Lightning's load_from_checkpoint). M is
/// made from the hyperparameters that it has saved (save_hyperparameters), some of which can be
/// replaced; or with nothing, if it takes nothing.
///
///     const auto classifier = lit::load_from_checkpoint<LitClassifier>("last.ckpt");
///     const auto wider = lit::load_from_checkpoint<LitClassifier>("last.ckpt", {{"dropout",
///     0.5}});
template <std::derived_from<LightningModule> M>
std::shared_ptr<M> load_from_checkpoint(const std::filesystem::path& path,
                                        const course::Dict& overrides = {},
                                        LoadOptions options = {}) {
  static_assert(std::constructible_from<M, const course::Dict&> || std::default_initializable<M>,
                "load_from_checkpoint needs a module that is made from a course::Dict of "
                "hyperparameters, or from nothing");
  std::shared_ptr<M> module;
  if constexpr (std::constructible_from<M, const course::Dict&>) {
    module = std::make_shared<M>(hyper_parameters(path, overrides));
  } else {
    module = std::make_shared<M>();
  }
  module->configure_model();
  load_checkpoint_into(*module, path, options);
  return module;
}

}  // namespace lit
