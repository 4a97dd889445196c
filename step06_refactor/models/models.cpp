// All models by their names: a new one costs its file, and a line here.
#include "config/choice.h"
#include "models/classifier.h"
#include "models/cnn.h"
#include "models/mlp.h"

namespace {

// region registry
template <typename Model>
std::shared_ptr<Classifier> create() {
  return std::make_shared<Model>();
}

const std::map<std::string, std::shared_ptr<Classifier> (*)()> kModels{
    {"cnn", create<Cnn>},
    {"mlp", create<Mlp>},
};
// endregion

}  // namespace

std::shared_ptr<Classifier> create_model(const std::string& name) {
  return course::choose("model", name, kModels)();
}
