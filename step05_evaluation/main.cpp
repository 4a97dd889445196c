// Evaluation: how good is the model on pictures it never saw, and what does it get wrong?
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <string>
#include <vector>

#include "config/flags.h"
#include "config/program.h"
#include "data/find.h"
#include "data/image_set.h"
#include "device/device.h"
#include "device/memory.h"
#include "terminal/picture.h"
#include "terminal/progress.h"
#include "terminal/table.h"

namespace {

struct Options {
  std::string data_dir;
  std::string device = "auto";
  int64_t epochs = 10;
  int64_t batch_size = 64;
  double learning_rate = 0.1;
};

Options parse_flags(int argc, char** argv) {
  Options options;
  course::Flags flags("step05_main", "Train, then evaluate on the test set.");
  flags.add("data-dir", options.data_dir, "folder with the IDX files (default: looked for)");
  flags.add("device", options.device, "auto, cpu, cuda, cuda:N or mps");
  flags.add("epochs", options.epochs, "times through the training set", course::at_least(1));
  flags.add("batch-size", options.batch_size, "samples in a batch", course::at_least(1));
  flags.add("learning-rate", options.learning_rate, "length of a step", course::greater_than(0));
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
                       const torch::Device& device, course::ProgressBar& progress) {
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
  for (int64_t epoch = 1; epoch <= options.epochs; ++epoch) {
    course::ProgressBar progress(fmt::format("epoch {:2}/{}", epoch, options.epochs),
                                 static_cast<int64_t>(*dataset.size()), "pictures");
    const double loss = train_one_epoch(model, *loader, optimizer, device, progress);
    progress.finish(fmt::format("loss {:.4f}", loss));
  }
}
// endregion

// region evaluate
// What the model does with every sample of a set, in the set's order.
struct Evaluation {
  torch::Tensor labels;       // [N] int64: the right answers
  torch::Tensor predictions;  // [N] int64: the model's
  torch::Tensor losses;       // [N] float: how wrong it was about each

  double loss() const { return losses.mean().item<double>(); }
  double accuracy() const {
    return (predictions == labels).to(torch::kFloat32).mean().item<double>();
  }
};

// Runs the model over all batches in the mode that it is in.
template <typename Loader>
Evaluation predict(Net& model, Loader& loader, const torch::Device& device) {
  torch::nn::CrossEntropyLoss criterion(
      torch::nn::CrossEntropyLossOptions().reduction(torch::kNone));
  std::vector<torch::Tensor> labels, predictions, losses;
  for (const torch::data::Example<>& batch : loader) {
    labels.push_back(batch.target.to(device));
    const torch::Tensor scores = model(batch.data.to(device));
    predictions.push_back(scores.argmax(1));
    losses.push_back(criterion(scores, labels.back()));
  }
  return {torch::cat(labels), torch::cat(predictions), torch::cat(losses)};
}

// How good the model is: dropout off, no gradients, and the model's mode left as it was.
template <typename Loader>
Evaluation evaluate(Net& model, Loader& loader, const torch::Device& device) {
  const bool was_training = model->is_training();
  const torch::NoGradGuard no_grad;
  model->eval();
  Evaluation result = predict(model, loader, device);
  model->train(was_training);
  return result;
}
// endregion

// region why
// The same pass with one of the two precautions left out: what each of them is worth.
template <typename Loader>
void show_why(Net& model, Loader& loader, const torch::Device& device) {
  course::Table table({course::left("evaluated with"), course::right("accuracy"),
                       course::right("loss"), course::right("memory")});
  const auto judge = [&](const std::string& name, bool training, bool gradients) {
    const torch::AutoGradMode mode(gradients);
    model->train(training);
    const course::MemoryMeter memory;
    const Evaluation result = predict(model, loader, device);
    table.row({name, course::percent(result.accuracy(), 2), course::decimal(result.loss(), 4),
               course::format_bytes(memory.peak_bytes())});
  };
  judge("eval() and NoGradGuard", false, false);
  judge("eval() forgotten", true, false);
  judge("NoGradGuard forgotten", false, true);
  fmt::print("{}", table.text());
}
// endregion

// region confusion
// Row: what it is. Column: what the model says. The diagonal is right.
void show_confusion(const Evaluation& result, const std::vector<std::string>& names) {
  const auto classes = static_cast<int64_t>(names.size());
  const torch::Tensor cells = result.labels * classes + result.predictions;
  const torch::Tensor counts = torch::bincount(cells, {}, classes * classes).cpu();
  std::vector<course::Column> columns{course::left("it is a")};
  for (const std::string& name : names) columns.push_back(course::right(name.substr(0, 5)));
  course::Table table(columns);
  for (int64_t label = 0; label < classes; ++label) {
    std::vector<std::string> row{names[label]};
    for (int64_t said = 0; said < classes; ++said) {
      const auto count = counts[label * classes + said].item<int64_t>();
      row.push_back(count == 0 ? "." : std::to_string(count));
    }
    table.row(row);
  }
  fmt::print("{}", table.text());
}
// endregion

// region mistakes
// The samples with the highest loss: sure of itself, and wrong.
void show_mistakes(const Evaluation& result, FashionMnist& dataset) {
  const auto worst = std::get<1>(result.losses.topk(std::min<int64_t>(4, result.losses.size(0))));
  const auto& names = dataset.class_names();
  std::vector<course::CaptionedPicture> pictures;
  for (int64_t k = 0; k < worst.size(0); ++k) {
    const auto i = worst[k].item<int64_t>();
    const std::string& said = names[result.predictions[i].item<int64_t>()];
    const std::string& is = names[result.labels[i].item<int64_t>()];
    pictures.push_back({dataset.get(i).data[0], fmt::format("is: {}\nsaid: {}", is, said)});
  }
  fmt::print("{}\n{} of {} mistakes\n", course::contact_sheet(pictures), worst.size(0),
             (result.predictions != result.labels).sum().item<int64_t>());
}
// endregion

void run(const Options& options) {
  const course::DataLocation location = course::find_data(options.data_dir);
  const course::DeviceChoice device = course::choose_device(options.device);
  fmt::print("{}\n{}\n\n", course::describe(location), course::describe(device));

  const FashionMnist train_set(location, course::Split::train);
  FashionMnist test_set(location, course::Split::test);
  Net model;
  model->to(device.device);  // before an optimizer is given the parameters
  train(model, train_set, device.device, options);
  const auto test_loader = make_loader<SequentialSampler>(test_set, options.batch_size);
  const Evaluation result = evaluate(model, *test_loader, device.device);
  fmt::print("\ntest loss {:.4f}, test accuracy {} on {} pictures\n\n", result.loss(),
             course::percent(result.accuracy(), 2), course::grouped(result.labels.size(0)));
  show_why(model, *test_loader, device.device);
  fmt::print("\n");
  show_confusion(result, test_set.class_names());
  fmt::print("\nthe worst mistakes:\n\n");
  show_mistakes(result, test_set);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(parse_flags(argc, argv)); });
}
