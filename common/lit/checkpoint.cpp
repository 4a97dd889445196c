// Checkpoints outside of a run: reading one, and making a module of it.
#include "lit/checkpoint.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <system_error>

#include "lit/checkpoint/errors.h"
#include "lit/checkpoint/weights.h"
#include "lit/core/messages.h"
#include "lit/error.h"
#include "serialize/checked.h"
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

// Without a word of what cannot be used.
course::Dict read_quietly(const std::filesystem::path& path) {
  const course::Value content = with_own_errors([&] { return course::read_torch_file(path); });
  try {
    if (is_bare_state_dict(content)) return {{"state_dict", content}};
    if (!content.is<course::Dict>() || content.as_dict().find("state_dict") == nullptr) {
      throw Error("it has no \"state_dict\"");
    }
    const course::Dict& checkpoint = content.as_dict();
    const int64_t format =
        checkpoint.find("lit_format") == nullptr ? 1 : course::whole(checkpoint, "lit_format", 1);
    if (format > kCheckpointFormat) {
      throw Error(
          fmt::format("it was written by a newer version of this library: its format is {}, and "
                      "this one knows up to {}",
                      format, kCheckpointFormat));
    }
    return checkpoint;
  } catch (const course::Error& error) {
    throw Error(
        fmt::format("{} is no checkpoint that can be used: {}", path.string(), error.what()));
  }
}

}  // namespace

course::Dict read_checkpoint(const std::filesystem::path& path) {
  course::Dict checkpoint = read_quietly(path);
  const std::string unusable = course::unusable_values(checkpoint);
  if (!unusable.empty()) {
    warn(fmt::format("{} has values that cannot be used here: {}", path.string(), unusable));
  }
  return checkpoint;
}

bool is_checkpoint_file(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) return false;
  try {
    return read_quietly(path).find("pytorch-lightning_version") != nullptr;
  } catch (const course::Error&) {
    return false;
  }
}

void load_checkpoint_into(LightningModule& module, const std::filesystem::path& path,
                          LoadOptions options) {
  course::Dict checkpoint = read_checkpoint(path);
  module.on_load_checkpoint(checkpoint);
  try {
    load_weights(module, course::dict(checkpoint, "state_dict"),
                 options.strict.value_or(module.strict_loading));
  } catch (const course::Error& error) {
    throw Error(about_checkpoint(path, "be loaded", error));
  }
}

course::Dict hyper_parameters(const std::filesystem::path& path, const course::Dict& overrides) {
  const course::Dict checkpoint = read_quietly(path);
  course::Dict hparams;
  if (checkpoint.find("hyper_parameters") != nullptr) {
    with_own_errors([&] {
      course::within(path.string(),
                     [&] { hparams = course::dict(checkpoint, "hyper_parameters"); });
    });
  }
  for (const auto& [name, value] : overrides) hparams.set(name, value);
  return hparams;
}

}  // namespace lit
