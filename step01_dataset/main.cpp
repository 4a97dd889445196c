// A Dataset by hand: what is passed at construction, how many samples there are, and how to get
// one.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "config/flags.h"
#include "config/program.h"
#include "data/find.h"
#include "data/image_set.h"
#include "terminal/picture.h"
#include "terminal/table.h"

namespace {

struct Options {
  std::string data_dir;
  int64_t index = 0;
};

Options parse_flags(int argc, char** argv) {
  Options options;
  course::Flags flags("step01_main", "A Dataset by hand, and the contract it keeps.");
  flags.add("data-dir", options.data_dir, "folder with the IDX files (default: looked for)");
  flags.add("index", options.index, "the training sample to show", course::at_least(0));
  flags.parse(argc, argv);
  return options;
}

// region dataset
// Pictures of clothing as torch::data wants them: size() and get(i), nothing else.
class FashionMnist : public torch::data::datasets::Dataset<FashionMnist> {
 public:
  FashionMnist(const course::DataLocation& location, course::Split split)
      : set_(course::load_image_set(location, split)),
        pixels_(set_.images.unsqueeze(1).to(torch::kFloat32).div_(255)) {}

  // How many samples there are.
  torch::optional<size_t> size() const override { return set_.labels.size(0); }

  // Sample i: a picture [1, 28, 28] of float 0..1 and its label, an int64 without dimensions.
  torch::data::Example<> get(size_t index) override {
    TORCH_CHECK_INDEX(index < *size(), "sample ", index, " was asked for, but there are only ",
                      *size(), ": 0 to ", *size() - 1);
    const auto i = static_cast<int64_t>(index);
    return {pixels_[i], set_.labels[i]};
  }

  const std::vector<std::string>& class_names() const { return set_.class_names; }

 private:
  course::ImageSet set_;
  torch::Tensor pixels_;  // [N, 1, 28, 28]
};
// endregion

// region sample
void show_sample(FashionMnist& dataset, int64_t index) {
  const torch::data::Example<> sample = dataset.get(index);
  const auto label = sample.target.item<int64_t>();
  fmt::print("get({}).data    {} {}\n", index, c10::str(sample.data.sizes()),
             c10::toString(sample.data.scalar_type()));
  fmt::print("get({}).target  {} {} = {}, {}\n\n", index, c10::str(sample.target.sizes()),
             c10::toString(sample.target.scalar_type()), label, dataset.class_names()[label]);
  for (const std::string& line : course::picture(sample.data[0])) {
    fmt::print("{}\n", line);
  }
}
// endregion

// region whole
// One pass over all samples through get(), as a training loop would make it.
void show_whole(FashionMnist& dataset) {
  const auto& names = dataset.class_names();
  std::vector<int64_t> count(names.size());
  double sum = 0;
  double sum_of_squares = 0;
  for (size_t i = 0; i < *dataset.size(); ++i) {
    const auto [picture, label] = dataset.get(i);
    ++count[label.item<int64_t>()];
    sum += picture.mean().item<double>();
    sum_of_squares += picture.square().mean().item<double>();
  }
  course::Table table({course::right("label"), course::left("class"), course::right("samples")});
  for (size_t label = 0; label < names.size(); ++label) {
    table.row({fmt::format("{}", label), names[label], course::grouped(count[label])});
  }
  const auto n = static_cast<double>(*dataset.size());
  const double mean = sum / n;
  fmt::print("{}\n", table.text());
  fmt::print("over all pixels: mean {:.4f}, standard deviation {:.4f}\n", mean,
             std::sqrt(sum_of_squares / n - mean * mean));
}
// endregion

// region out_of_range
// A Dataset that answers a wrong index with a wrong sample is worse than one that stops.
void show_out_of_range(FashionMnist& dataset) {
  try {
    dataset.get(*dataset.size());
  } catch (const c10::IndexError& error) {
    fmt::print("get({}) throws: {}\n", *dataset.size(), error.what_without_backtrace());
  }
}
// endregion

void show_dataset(const Options& options) {
  const course::DataLocation location = course::find_data(options.data_dir);
  FashionMnist train(location, course::Split::train);
  FashionMnist test(location, course::Split::test);
  fmt::print("{}\n", course::describe(location));
  fmt::print("train.size() = {}, test.size() = {}\n\n", *train.size(), *test.size());
  show_sample(train, options.index);
  fmt::print("\n");
  show_whole(train);
  fmt::print("\n");
  show_out_of_range(train);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { show_dataset(parse_flags(argc, argv)); });
}
