// All models by their names: a new one costs its file, and a line here.
#include "config/choice.h"
#include "models/classifier.h"
#include "models/cnn.h"
#include "models/mlp.h"

namespace {

// region registry
template <typename Model>
std::shared_ptr<Classifier> create(const Config::Model& config) {
  return std::make_shared<Model>(config);
}

const std::map<std::string, std::shared_ptr<Classifier> (*)(const Config::Model&)> kModels{
    {"cnn", create<Cnn>},
    {"mlp", create<Mlp>},
};
// endregion

}  // namespace

std::shared_ptr<Classifier> create_model(const Config::Model& config) {
  return course::choose("model.name", config.name, kModels)(config);
}
