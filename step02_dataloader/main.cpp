// A DataLoader: samples become batches, in a new order every epoch.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <chrono>
#include <string>
#include <vector>

#include "config/flags.h"
#include "config/program.h"
#include "data/find.h"
#include "data/image_set.h"
#include "data/in_memory_loader.h"
#include "terminal/picture.h"
#include "terminal/table.h"

namespace {

struct Options {
  std::string data_dir;
  int64_t batch_size = 64;
};

Options parse_flags(int argc, char** argv) {
  Options options;
  course::Flags flags("step02_main", "How a DataLoader makes batches of samples.");
  flags.add("data-dir", options.data_dir, "folder with the IDX files (default: looked for)");
  flags.add("batch-size", options.batch_size, "samples in a batch", course::at_least(1));
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

// region loader
// Mean and standard deviation of the training pixels, as step01 found them.
constexpr double kMean = 0.2860;
constexpr double kStd = 0.3530;

// Batches of normalised samples: get() for each index that the sampler draws, then all stacked.
template <typename Sampler>
auto make_loader(FashionMnist dataset, const torch::data::DataLoaderOptions& options) {
  return torch::data::make_data_loader<Sampler>(
      dataset.map(torch::data::transforms::Normalize<>(kMean, kStd))
          .map(torch::data::transforms::Stack<>()),
      options);
}
// endregion

using torch::data::samplers::RandomSampler;
using torch::data::samplers::SequentialSampler;

// region whole_batch
// The same samples, fetched a whole batch at a time: one index_select instead of 64 small tensors.
class FashionMnistBatches
    : public torch::data::datasets::BatchDataset<FashionMnistBatches, torch::data::Example<>> {
 public:
  FashionMnistBatches(const course::DataLocation& location, course::Split split)
      : set_(course::load_image_set(location, split)),
        pixels_(set_.images.unsqueeze(1).to(torch::kFloat32).div_(255).sub_(kMean).div_(kStd)) {}

  torch::optional<size_t> size() const override { return set_.labels.size(0); }

  torch::data::Example<> get_batch(torch::ArrayRef<size_t> indices) override {
    const torch::Tensor rows = torch::tensor(std::vector<int64_t>(indices.begin(), indices.end()));
    return {pixels_.index_select(0, rows), set_.labels.index_select(0, rows)};
  }

 private:
  course::ImageSet set_;
  torch::Tensor pixels_;  // [N, 1, 28, 28]
};
// endregion

// region count
// ceil(N / B) batches, and the last one holds what is left.
void show_batches(const FashionMnist& dataset, int64_t batch_size) {
  const auto loader = make_loader<SequentialSampler>(dataset, batch_size);
  const auto n = static_cast<int64_t>(*dataset.size());
  fmt::print("{} samples in batches of {}: ceil({} / {}) = {} batches\n", course::grouped(n),
             batch_size, n, batch_size, (n + batch_size - 1) / batch_size);
  int64_t batches = 0;
  torch::data::Example<> last;
  for (const torch::data::Example<>& batch : *loader) {
    if (++batches == 1) {
      fmt::print("  the first: data {}, target {}\n", c10::str(batch.data.sizes()),
                 c10::str(batch.target.sizes()));
    }
    last = batch;
  }
  fmt::print("  the last, number {}: data {}, target {}\n", batches, c10::str(last.data.sizes()),
             c10::str(last.target.sizes()));

  const auto whole_ones = make_loader<SequentialSampler>(
      dataset, torch::data::DataLoaderOptions(batch_size).drop_last(true));
  const auto full = std::distance(whole_ones->begin(), whole_ones->end());
  fmt::print("  with drop_last: {} batches, and {} samples that this epoch never sees\n", full,
             n - full * batch_size);
}
// endregion

// region orders
// A RandomSampler draws a new permutation each time the loader starts over.
void show_orders(const FashionMnist& dataset, int64_t batch_size) {
  const auto loader = make_loader<RandomSampler>(dataset, batch_size);
  for (int64_t epoch = 1; epoch <= 2; ++epoch) {
    const torch::data::Example<> batch = *loader->begin();
    const torch::Tensor labels = batch.target.slice(0, 0, 12);
    fmt::print("epoch {} begins with the labels", epoch);
    for (int64_t i = 0; i < labels.size(0); ++i) fmt::print(" {}", labels[i].item<int64_t>());
    fmt::print("\n");
  }
}
// endregion

// region sheet
// One batch as pictures; the pixels are brought back to 0..1 to be seen.
void show_sheet(const FashionMnist& dataset, int64_t batch_size) {
  const auto loader = make_loader<RandomSampler>(dataset, batch_size);
  const torch::data::Example<> batch = *loader->begin();
  const torch::Tensor pixels = (batch.data * kStd + kMean).clamp(0, 1);
  std::vector<course::CaptionedPicture> pictures;
  for (int64_t i = 0; i < std::min<int64_t>(batch_size, 6); ++i) {
    const auto label = batch.target[i].item<int64_t>();
    pictures.push_back({pixels[i][0], dataset.class_names()[label]});
  }
  fmt::print("{}\n", course::contact_sheet(pictures));
}
// endregion

// region timing
// Microseconds for a batch, over one epoch.
template <typename Loader>
double time_per_batch(Loader& loader) {
  const auto start = std::chrono::steady_clock::now();
  int64_t batches = 0;
  for (const auto& batch : loader) batches += batch.data.defined() ? 1 : 0;
  const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - start;
  return time.count() / static_cast<double>(batches);
}

void show_timing(const course::DataLocation& location, int64_t batch_size) {
  FashionMnist one_by_one(location, course::Split::train);
  FashionMnistBatches whole(location, course::Split::train);
  course::Table table({course::right("workers"), course::right("get() and Stack"),
                       course::right("get_batch()"), course::right("factor")});
  double slowest = 0;
  for (const size_t workers : {0, 1, 2}) {
    const auto options = torch::data::DataLoaderOptions(batch_size).workers(workers);
    const auto slow = make_loader<RandomSampler>(one_by_one, options);
    const auto fast = torch::data::make_data_loader<RandomSampler>(whole, options);
    const double stacked = time_per_batch(*slow), selected = time_per_batch(*fast);
    slowest = std::max(slowest, stacked);
    table.row({fmt::format("{}", workers), fmt::format("{:.0f} µs", stacked),
               fmt::format("{:.0f} µs", selected), fmt::format("{:.1f}", stacked / selected)});
  }
  fmt::print("the time a batch takes:\n{}", table.text());

  // Without a DataLoader: the library keeps the bytes, and copies and scales a batch in one go.
  const course::ImageSet set = course::load_image_set(location, course::Split::train);
  const course::InMemoryLoader loader(
      set.images.unsqueeze(1), set.labels,
      {.batch_size = batch_size, .shuffle = true, .to_float = course::ToFloat{255, kMean, kStd}});
  course::InMemoryLoader::Epoch epoch = loader.epoch(0);
  const double copied = time_per_batch(epoch);
  fmt::print("\nthe library's InMemoryLoader: {:.0f} µs, a factor of {:.0f} below the slowest\n",
             copied, slowest / copied);
}
// endregion

void show_dataloader(const Options& options) {
  const course::DataLocation location = course::find_data(options.data_dir);
  const FashionMnist train(location, course::Split::train);
  fmt::print("{}\n\n", course::describe(location));
  show_batches(train, options.batch_size);
  fmt::print("\n");
  show_orders(train, options.batch_size);
  fmt::print("\nthe first pictures of one batch:\n\n");
  show_sheet(train, options.batch_size);
  show_timing(location, options.batch_size);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { show_dataloader(parse_flags(argc, argv)); });
}
