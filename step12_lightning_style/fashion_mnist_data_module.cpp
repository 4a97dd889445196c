// The data of an experiment, whatever the model is.
#include "fashion_mnist_data_module.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "config/choice.h"
#include "data/in_memory_loader.h"
#include "data/permutation.h"
#include "error.h"
#include "lit/trainer.h"

namespace {

// How the pixels of a set are distributed, and where it is looked for.
struct Source {
  std::string title;
  double mean, std;
  course::DataLocation (*find)(const std::string& folder);
};

course::DataLocation find_fashion_mnist(const std::string& folder) {
  return course::find_data(folder, "data.dir");
}
course::DataLocation find_mnist(const std::string& folder) {
  return course::find_data(folder, course::mnist_places(), "mnist", "data.dir");
}

const std::map<std::string, Source> kSources{
    {"fashion-mnist", {"Fashion-MNIST", 0.2860, 0.3530, find_fashion_mnist}},
    {"mnist", {"MNIST", 0.1307, 0.3081, find_mnist}},
};

const Source& source_of(const Config::Data& config) {
  return course::choose("data.name", config.name, kSources);
}

// One split of the folder, unless another set is in it than the one that was asked for.
course::ImageSet load(const course::DataLocation& location, course::Split split,
                      const std::string& title) {
  course::ImageSet set = course::load_image_set(location, split);
  if (set.name != "unknown set" && set.name.rfind(title, 0) != 0) {
    throw course::Error(fmt::format("{} ({}) holds {}, not {}; name another folder with data.dir=",
                                    location.folder.string(), location.origin, set.name, title));
  }
  return set;
}

// Some samples of a set, in this order.
course::ImageSet subset(course::ImageSet set, const torch::Tensor& positions) {
  set.images = set.images.index_select(0, positions);
  set.labels = set.labels.index_select(0, positions);
  return set;
}

}  // namespace

// region setup
FashionMnistDataModule::FashionMnistDataModule(Config::Data config, const Seeds& seeds)
    : config_(std::move(config)), seeds_(seeds), location_(source_of(config_).find(config_.dir)) {}

// Reads what the stage needs. Which samples are held out depends on the seed alone.
void FashionMnistDataModule::setup(const std::string& stage) {
  const std::string& title = source_of(config_).title;
  if (!test_.images.defined()) test_ = load(location_, course::Split::test, title);
  if ((stage != "fit" && stage != "validate") || train_.images.defined()) return;
  const course::ImageSet all = load(location_, course::Split::train, title);
  const auto n = all.labels.size(0);
  const auto wanted = std::llround(config_.validation * static_cast<double>(n));
  const auto held_out = std::clamp<int64_t>(wanted, config_.validation > 0 ? 1 : 0, n - 1);
  const torch::Tensor order = course::permutation(seeds_.split, 0, n);
  train_ = subset(all, order.slice(0, held_out));
  validation_ = subset(all, order.slice(0, 0, held_out));
}
// endregion

// region loaders
// Pictures stay bytes; a batch becomes float when it is made.
course::InMemoryLoader FashionMnistDataModule::loader(const course::ImageSet& set,
                                                      bool shuffle) const {
  const Source& source = source_of(config_);
  const auto to_float = config_.normalize ? course::ToFloat{255, source.mean, source.std}
                                          : course::ToFloat{255, 0, 1};
  return {set.images.unsqueeze(1),
          set.labels,
          {.batch_size = config_.batch_size,
           .shuffle = shuffle,
           .seed = seeds_.shuffle,
           .device = device(),
           .keep_on_device = config_.keep_on_device,
           .to_float = to_float}};
}

lit::Loaders FashionMnistDataModule::train_dataloader() {
  return lit::loader(loader(train_, /*shuffle=*/true), /*first_epoch=*/1);  // as step 11 counts
}
lit::Loaders FashionMnistDataModule::val_dataloader() {
  // Where nothing is held out the test set is watched; then nothing may be chosen by it.
  return loader(validation_.labels.size(0) > 0 ? validation_ : test_, false);
}
lit::Loaders FashionMnistDataModule::test_dataloader() {
  return loader(test_, false);
}
// endregion

// region flip
// Mirrors a share of the training pictures, a whole batch at once and where the model is.
lit::Batch FashionMnistDataModule::on_after_batch_transfer(lit::Batch batch, int64_t) {
  if (config_.flip == 0 || !trainer().training()) return batch;
  const auto [images, labels] = batch.unpack<2>();
  const torch::Tensor flipped = torch::rand({images.size(0), 1, 1, 1}, images.options());
  return {torch::where(flipped < config_.flip, images.flip(3), images), labels};
}
// endregion
