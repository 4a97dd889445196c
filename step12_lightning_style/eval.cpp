// Tests a trained classifier and shows what it says, from a checkpoint alone.
#include <spdlog/fmt/fmt.h>

#include <filesystem>

#include "config.h"
#include "config/program.h"
#include "device/threads.h"
#include "fashion_mnist_data_module.h"
#include "lit/checkpoint.h"
#include "lit/trainer.h"
#include "lit_classifier.h"
#include "report.h"
#include "run/run_folder.h"
#include "seed.h"
#include "terminal/format.h"

namespace {

namespace fs = std::filesystem;

const ProgramInfo kProgram{.name = "step12_eval",
                           .summary = "Test a classifier from its checkpoint.",
                           .base = "train",
                           .flag = "ckpt",
                           .takes = "FILE",
                           .help = "checkpoint (default: the best one of the latest run)"};

// region evaluate
void evaluate(const fs::path& checkpoint, const CommandLine& command_line) {
  // All that is needed to make the parts again is in the file.
  Config config = from_dict(lit::hyper_parameters(checkpoint));
  override_with(config, command_line);
  if (command_line.print_config) return fmt::print("{}", to_toml(config));
  course::set_up_threads(config.threads, "threads");
  const auto data = std::make_shared<FashionMnistDataModule>(config.data, make_seeds(config.seed));
  const auto module = std::make_shared<LitClassifier>(create_model(config.model), config);
  lit::Trainer trainer({.accelerator = config.trainer.accelerator,
                        .logger = false,
                        .enable_checkpointing = false,
                        .enable_progress_bar = false});

  fmt::print("checkpoint: {} ({}, seed {})\n{}\n\n", checkpoint.string(), config.model.name,
             config.seed, course::describe(data->location()));
  trainer.test(module, data, {.ckpt_path = checkpoint.string()});
  fmt::print("fingerprint of the weights: {:016x}\n\n", fingerprint(*module->net()));
  show_confusion(module->confusion(), data->class_names());

  const auto predictions = trainer.predict(module, data);  // in the loop's head it would dangle
  std::vector<torch::Tensor> probabilities;
  for (const lit::Batch& batch : predictions[0]) probabilities.push_back(batch[0]);
  fmt::print("\nwhat it was most certain of, and wrong:\n\n");
  show_mistakes(torch::cat(probabilities), data->test_set());
}
// endregion

void run(const CommandLine& command_line) {
  const fs::path latest = course::runs_folder("") / "latest" / "checkpoints" / "best.ckpt";
  evaluate(command_line.flag.empty() ? latest : fs::path(command_line.flag), command_line);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(read_command_line(argc, argv, kProgram)); },
                             "data.batch_size");
}
