// Predictions of a trained model: the second entry point, which needs nothing but a checkpoint.
#include <spdlog/fmt/fmt.h>

#include "checkpoint.h"
#include "config/flags.h"
#include "config/program.h"
#include "datasets.h"
#include "device/device.h"
#include "evaluate.h"
#include "run/run_folder.h"
#include "seed.h"
#include "terminal/format.h"
#include "terminal/picture.h"

namespace {

struct Options {
  std::string checkpoint = (course::runs_folder("") / "latest" / "model.pt").string();
  std::string data_dir;
  std::string device = "auto";
  int64_t pictures = 6;
};

Options parse_flags(int argc, char** argv) {
  Options options;
  course::Flags flags("step11_predict", "Show what a trained model says about test pictures.");
  flags.add("checkpoint", options.checkpoint, "file that step11_main wrote");
  flags.add("data-dir", options.data_dir, "other test pictures (default: those of the run)");
  flags.add("device", options.device, "auto, cpu, cuda, cuda:N or mps");
  flags.add("pictures", options.pictures, "how many to show", course::between(1, 100));
  flags.parse(argc, argv);
  return options;
}

// region predictions
// The first test pictures, each with the two classes that the model thinks most of.
void show_predictions(Classifier& model, ImageDataset& dataset, const torch::Device& device,
                      int64_t count) {
  const torch::NoGradGuard no_grad;
  model.eval();
  count = std::min(count, static_cast<int64_t>(*dataset.size()));
  const auto loader = make_loader<torch::data::samplers::SequentialSampler>(
      dataset.subset(torch::arange(count)), count);
  const torch::Tensor scores = model.forward(loader->begin()->data.to(device));
  const auto [probabilities, classes] = scores.softmax(1).cpu().topk(2);
  std::vector<course::CaptionedPicture> pictures;
  for (int64_t i = 0; i < count; ++i) {
    const torch::data::Example<> sample = dataset.get(i);
    const auto& names = dataset.class_names();
    std::string caption = "is: " + names[sample.target.item<int64_t>()];
    for (int64_t k = 0; k < 2; ++k) {
      caption += fmt::format("\n{:4.0f} % {}", 100 * probabilities[i][k].item<double>(),
                             names[classes[i][k].item<int64_t>()]);
    }
    pictures.push_back({sample.data[0], caption});
  }
  fmt::print("{}", course::contact_sheet(pictures));
}
// endregion

// region run
void run(const Options& options) {
  const auto [model, config, epoch] = load_checkpoint(options.checkpoint);
  // On another machine the data are elsewhere: then they are looked for.
  const bool there = std::filesystem::exists(config.data_dir);
  const std::string& folder =
      there && options.data_dir.empty() ? config.data_dir : options.data_dir;
  DataSets data = load_data_sets(config.dataset, folder);
  const course::DeviceChoice device = course::choose_device(options.device);
  fmt::print("checkpoint: {} ({} after {} epochs, seed {})\n", options.checkpoint, config.model,
             epoch, config.seed);
  fmt::print("{}\n{}\n\n", course::describe(data.location), course::describe(device));

  model->to(device.device);
  const Evaluation result = evaluate(*model, data.test, device.device, config.batch_size);
  fmt::print("test loss {:.4f}, test accuracy {} on {} pictures\n", result.loss(),
             course::percent(result.accuracy(), 2), course::grouped(result.labels.size(0)));
  fmt::print("fingerprint of the weights: {:016x}\n\n", fingerprint(*model));
  show_predictions(*model, data.test, device.device, options.pictures);
}
// endregion

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(parse_flags(argc, argv)); });
}
