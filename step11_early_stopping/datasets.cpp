// The data sets: a new one costs a function, and a line in the table.
#include "datasets.h"

#include <spdlog/fmt/fmt.h>

#include "config/choice.h"
#include "error.h"

namespace {

// Both splits of a folder, unless another set is in it than the one that was asked for.
DataSets load(const std::string& name, const course::DataLocation& location,
              PixelStatistics statistics) {
  const auto split = [&](course::Split which) {
    course::ImageSet set = course::load_image_set(location, which);
    const bool known = set.name != "unknown set";
    if (known && set.name.rfind(name, 0) != 0) {
      throw course::Error(
          fmt::format("{} ({}) holds {}, not {}; name another folder with --data-dir",
                      location.folder.string(), location.origin, set.name, name));
    }
    return ImageDataset(set, statistics);
  };
  return {location, split(course::Split::train), split(course::Split::test)};
}

// region data_sets
DataSets fashion_mnist(const std::string& data_dir) {
  return load("Fashion-MNIST", course::find_data(data_dir), {.mean = 0.2860, .std = 0.3530});
}

DataSets mnist(const std::string& data_dir) {
  return load("MNIST", course::find_data(data_dir, course::mnist_places(), "mnist"),
              {.mean = 0.1307, .std = 0.3081});
}

const std::map<std::string, DataSets (*)(const std::string&)> kDataSets{
    {"fashion-mnist", fashion_mnist},
    {"mnist", mnist},
};
// endregion

}  // namespace

DataSets load_data_sets(const std::string& name, const std::string& data_dir) {
  return course::choose("dataset", name, kDataSets)(data_dir);
}
