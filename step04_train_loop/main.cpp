// The barest training loop: epochs of batches, and five lines for each batch.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "config/flags.h"
#include "config/program.h"
#include "data/find.h"
#include "data/image_set.h"
#include "device/device.h"
#include "terminal/progress.h"

namespace {

struct Options {
  std::string data_dir;
  std::string device = "auto";
  int64_t epochs = 10;
  int64_t batch_size = 64;
  double learning_rate = 0.1;
  int64_t show_steps = 0;
};

Options parse_flags(int argc, char** argv) {
  Options options;
  course::Flags flags("step04_main", "The barest training loop.");
  flags.add("data-dir", options.data_dir, "folder with the IDX files (default: looked for)");
  flags.add("device", options.device, "auto, cpu, cuda, cuda:N or mps");
  flags.add("epochs", options.epochs, "times through the training set", course::at_least(1));
  flags.add("batch-size", options.batch_size, "samples in a batch", course::at_least(1));
  flags.add("learning-rate", options.learning_rate, "length of a step", course::greater_than(0));
  flags.add("show-steps", options.show_steps, "print the loss of the first N steps",
            course::at_least(0));
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

// region net
// One hidden layer: 784 pixels -> 128 features -> 10 scores. A child is a member that was
// registered.
struct NetImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& images) {
    const torch::Tensor features = torch::relu(hidden(images.flatten(1)));
    return output(dropout(features));
  }

  torch::nn::Linear hidden{register_module("hidden", torch::nn::Linear(28 * 28, 128))};
  torch::nn::Dropout dropout{register_module("dropout", torch::nn::Dropout(0.2))};
  torch::nn::Linear output{register_module("output", torch::nn::Linear(128, 10))};
};
TORCH_MODULE(Net);  // Net is a shared_ptr to a NetImpl, which it makes unless told nullptr
// endregion

// region epoch
// One epoch: every batch once. Returns the mean loss of its samples.
template <typename Loader>
double train_one_epoch(Net& model, Loader& loader, torch::optim::Optimizer& optimizer,
                       const torch::Device& device, course::ProgressBar& progress,
                       int64_t& show_steps) {
  model->train();
  torch::nn::CrossEntropyLoss criterion;
  torch::Tensor sum = torch::zeros({}, device);
  int64_t samples = 0;
  for (const torch::data::Example<>& batch : loader) {
    const torch::Tensor images = batch.data.to(device);
    const torch::Tensor labels = batch.target.to(device);

    // region five_lines
    const torch::Tensor scores = model(images);
    const torch::Tensor loss = criterion(scores, labels);
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();
    // endregion

    if (show_steps-- > 0) fmt::print("  loss {:.9g}\n", loss.item<float>());
    // Summed where the loss is: item() in every step would make the device wait for the printer.
    sum += loss.detach() * images.size(0);
    samples += images.size(0);
    progress.advance(images.size(0));
  }
  return sum.item<double>() / static_cast<double>(samples);
}
// endregion

// region train
void train(Net& model, const FashionMnist& dataset, const torch::Device& device,
           const Options& options) {
  const auto loader = make_loader<RandomSampler>(dataset, options.batch_size);
  torch::optim::SGD optimizer(model->parameters(), options.learning_rate);
  int64_t show_steps = options.show_steps;
  for (int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
    course::ProgressBar progress(fmt::format("epoch {:2}/{}", epoch, options.epochs),
                                 static_cast<int64_t>(*dataset.size()), "pictures");
    const double loss = train_one_epoch(model, *loader, optimizer, device, progress, show_steps);
    progress.finish(fmt::format("loss {:.4f}", loss));
  }
}
// endregion

void run(const Options& options) {
  const course::DataLocation location = course::find_data(options.data_dir);
  const course::DeviceChoice device = course::choose_device(options.device);
  fmt::print("{}\n{}\n\n", course::describe(location), course::describe(device));

  const FashionMnist train_set(location, course::Split::train);
  Net model;
  model->to(device.device);  // before an optimizer is given the parameters
  train(model, train_set, device.device, options);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(parse_flags(argc, argv)); });
}
