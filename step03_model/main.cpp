// A Module: the function f_theta, its parameters by name, and where the gradients land.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "config/flags.h"
#include "config/program.h"
#include "data/find.h"
#include "data/image_set.h"
#include "terminal/table.h"

namespace {

struct Options {
  std::string data_dir;
  int64_t batch_size = 64;
};

Options parse_flags(int argc, char** argv) {
  Options options;
  course::Flags flags("step03_main", "A Module, its parameters and their gradients.");
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

// region tensors
// Shape, type, and who shares memory with whom.
void show_tensors(const torch::Tensor& images) {
  const torch::Tensor flat = images.flatten(1);
  fmt::print("images: {} {} on {}\n", c10::str(images.sizes()), c10::toString(images.scalar_type()),
             images.device().str());
  fmt::print("images.flatten(1): {}, the same memory: {}\n", c10::str(flat.sizes()),
             flat.data_ptr() == images.data_ptr());
  fmt::print("images.mean(0): {}, images - images.mean(0): {} (broadcast)\n",
             c10::str(images.mean(0).sizes()), c10::str((images - images.mean(0)).sizes()));
  fmt::print("images[0]: {}, images.index({{0, 0, 14, 14}}): {} = {:.4f}\n\n",
             c10::str(images[0].sizes()), c10::str(images.index({0, 0, 14, 14}).sizes()),
             images.index({0, 0, 14, 14}).item<float>());
}
// endregion

// region parameters
// Every parameter by name; and its gradient's length, once there is one.
void show_parameters(const Net& model) {
  course::Table table({course::left("parameter"), course::left("shape"), course::right("numbers"),
                       course::right("|gradient|")});
  int64_t total = 0;
  for (const auto& parameter : model->named_parameters()) {
    const torch::Tensor& value = parameter.value();
    const torch::Tensor& gradient = value.grad();
    table.row(
        {parameter.key(), c10::str(value.sizes()), course::grouped(value.numel()),
         gradient.defined() ? fmt::format("{:.4f}", gradient.norm().item<double>()) : "none"});
    total += value.numel();
  }
  fmt::print("{}{} numbers to learn\n", table.text(), course::grouped(total));
}
// endregion

// region errors
// Two messages that everybody meets: a module that is not there, and shapes that do not fit.
void show_errors(Net& model, const torch::Tensor& images) {
  try {
    const Net nobody{nullptr};
    nobody->named_parameters();
  } catch (const c10::Error& error) {
    fmt::print("Net nobody{{nullptr}}:      {}\n", error.what_without_backtrace());
  }
  try {
    model(images.slice(3, 0, 27));
  } catch (const c10::Error& error) {
    fmt::print("pictures 27 pixels wide:  {}\n", error.what_without_backtrace());
  }
}
// endregion

void show_model(const Options& options) {
  const course::DataLocation location = course::find_data(options.data_dir);
  const FashionMnist train(location, course::Split::train);
  const auto loader = make_loader<RandomSampler>(train, options.batch_size);
  fmt::print("{}\n\n", course::describe(location));
  const torch::data::Example<> batch = *loader->begin();
  show_tensors(batch.data);

  Net model;
  show_parameters(model);

  // region backward
  const torch::Tensor scores = model(batch.data);
  const torch::Tensor loss = torch::nn::functional::cross_entropy(scores, batch.target);
  loss.backward();
  // endregion
  fmt::print("\nforward: scores {}, loss {:.4f}; backward: every parameter has a gradient now\n\n",
             c10::str(scores.sizes()), loss.item<double>());
  show_parameters(model);
  fmt::print("\n");
  show_errors(model, batch.data);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { show_model(parse_flags(argc, argv)); });
}
