// The entry point: reads the flags, and says what is done in which order.
#include <spdlog/fmt/fmt.h>

#include "config/flags.h"
#include "config/program.h"
#include "datasets.h"
#include "device/device.h"
#include "evaluate.h"
#include "models/classifier.h"
#include "terminal/format.h"
#include "train.h"

namespace {

struct Options {
  std::string data_dir;
  std::string dataset = "fashion-mnist";
  std::string model = "mlp";
  std::string device = "auto";
  TrainOptions train;
};

Options parse_flags(int argc, char** argv) {
  Options options;
  course::Flags flags("step06_main", "Train, then evaluate on the test set.");
  flags.add("data-dir", options.data_dir, "folder with the IDX files (default: looked for)");
  flags.add("dataset", options.dataset, "fashion-mnist or mnist");
  flags.add("model", options.model, "mlp or cnn");
  flags.add("device", options.device, "auto, cpu, cuda, cuda:N or mps");
  flags.add("epochs", options.train.epochs, "times through the training set", course::at_least(1));
  flags.add("batch-size", options.train.batch_size, "samples in a batch", course::at_least(1));
  flags.add("learning-rate", options.train.learning_rate, "length of a step",
            course::greater_than(0));
  flags.parse(argc, argv);
  return options;
}

// region run
void run(const Options& options) {
  DataSets data = load_data_sets(options.dataset, options.data_dir);
  const course::DeviceChoice device = course::choose_device(options.device);
  const std::shared_ptr<Classifier> model = create_model(options.model);
  fmt::print("{}\n{}\n\n", course::describe(data.location), course::describe(device));

  model->to(device.device);  // before an optimizer is given the parameters
  train(*model, data.train, device.device, options.train);
  const Evaluation result = evaluate(*model, data.test, device.device, options.train.batch_size);
  fmt::print("\ntest loss {:.4f}, test accuracy {} on {} pictures\n\n", result.loss(),
             course::percent(result.accuracy(), 2), course::grouped(result.labels.size(0)));
  show_confusion(result, data.test.class_names());
  fmt::print("\nthe worst mistakes:\n\n");
  show_mistakes(result, data.test);
}
// endregion

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(parse_flags(argc, argv)); });
}
