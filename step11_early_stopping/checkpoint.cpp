// What is kept of a trained model: its weights, and the config that says what model they belong to.
#include "checkpoint.h"

#include <algorithm>

#include "error.h"
#include "serialize/state_dict.h"
#include "serialize/torch_file.h"

namespace {

// Puts the path in front of what is wrong with the file's content.
template <typename Action>
auto reading(const std::filesystem::path& path, const Action& action) {
  try {
    return action();
  } catch (const course::Error& error) {
    throw course::Error(path.string() + ": " + error.what());
  }
}

}  // namespace

// region save
void save_checkpoint(const std::filesystem::path& path, const Classifier& model,
                     const Config& config, int64_t epoch) {
  course::write_torch_file(path, course::Dict{{"state_dict", course::state_dict(model)},
                                              {"config", to_dict(config)},
                                              {"epoch", epoch}});
}
// endregion

// region load
Checkpoint load_checkpoint(const std::filesystem::path& path) {
  const course::Value file = course::read_torch_file(path);
  return reading(path, [&] {
    const course::Dict& content = file.as_dict();
    if (content.find("config") == nullptr) {
      throw course::Error("it has weights, perhaps, but no config; start from it with --init");
    }
    Checkpoint result{.model = nullptr,
                      .config = from_dict(content.at("config").as_dict()),
                      .epoch = content.at("epoch").as_int()};
    result.model = create_model(result.config);
    course::load_state_dict(*result.model, content.at("state_dict").as_dict());
    return result;
  });
}
// endregion

// region load_weights
void load_weights(const std::filesystem::path& path, Classifier& model) {
  const course::Value file = course::read_torch_file(path);
  reading(path, [&] {
    const course::Dict& content = file.as_dict();
    const course::Value* weights = content.find("state_dict");
    course::load_state_dict(model, weights != nullptr ? weights->as_dict() : content);
  });
}
// endregion
