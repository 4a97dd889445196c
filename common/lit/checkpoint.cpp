// Checkpoints outside of a run: reading one, and making a module of it.
#include "lit/checkpoint.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "lit/error.h"
#include "lit/trainer/checkpoint_connector.h"
#include "serialize/torch_file.h"

namespace lit {
namespace {

// What `torch.save(module.state_dict(), …)` leaves: tensors by name, and nothing else.
bool is_bare_state_dict(const course::Value& content) {
  if (!content.is<course::Dict>() || content.as_dict().size() == 0) return false;
  const course::Dict& dict = content.as_dict();
  return std::all_of(dict.begin(), dict.end(), [](const auto& item) {
    return item.first.template is<std::string>() && item.second.template is<torch::Tensor>();
  });
}

}  // namespace

course::Dict read_checkpoint(const std::filesystem::path& path) {
  const course::Value content = with_own_errors([&] { return course::read_torch_file(path); });
  try {
    if (is_bare_state_dict(content)) return {{"state_dict", content}};
    if (!content.is<course::Dict>() || content.as_dict().find("state_dict") == nullptr) {
      throw Error("it has no \"state_dict\"");
    }
    const course::Dict& checkpoint = content.as_dict();
    const course::Value* format = checkpoint.find("lit_format");
    if (format != nullptr && format->as_int() > kCheckpointFormat) {
      throw Error(
          fmt::format("it was written by a newer version of this library: its format is {}, and "
                      "this one knows up to {}",
                      format->as_int(), kCheckpointFormat));
    }
    return checkpoint;
  } catch (const course::Error& error) {
    throw Error(
        fmt::format("{} is no checkpoint that can be used: {}", path.string(), error.what()));
  }
}

void load_checkpoint_into(LightningModule& module, const std::filesystem::path& path,
                          LoadOptions options) {
  course::Dict checkpoint = read_checkpoint(path);
  module.on_load_checkpoint(checkpoint);
  try {
    load_weights(module, checkpoint.at("state_dict").as_dict(),
                 options.strict.value_or(module.strict_loading));
  } catch (const course::Error& error) {
    throw Error(fmt::format("{} cannot be loaded: {}", path.string(), error.what()));
  }
}

course::Dict hyper_parameters(const std::filesystem::path& path, const course::Dict& overrides) {
  const course::Dict checkpoint = read_checkpoint(path);
  course::Dict hparams;
  if (const course::Value* saved = checkpoint.find("hyper_parameters")) hparams = saved->as_dict();
  for (const auto& [name, value] : overrides) hparams.set(name, value);
  return hparams;
}

}  // namespace lit
