// Trains an autoencoder, and shows what it makes of the test pictures.
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <filesystem>

#include "config.h"
#include "config/program.h"
#include "fashion_mnist_data_module.h"
#include "lit/trainer.h"
#include "lit_autoencoder.h"
#include "plot/scatter.h"
#include "run.h"
#include "seed.h"
#include "serialize/atomic_file.h"
#include "terminal/picture.h"

namespace {

namespace fs = std::filesystem;

const ProgramInfo kProgram{.name = "step12_autoencoder",
                           .summary = "Train an autoencoder, and look at its code.",
                           .base = "autoencoder"};

// region pictures
// Each picture beside what came back through the bottleneck.
void show_reconstructions(const torch::Tensor& images, const torch::Tensor& codes,
                          const torch::Tensor& reconstructed) {
  std::vector<course::CaptionedPicture> pictures;
  for (int64_t i = 0; i < std::min<int64_t>(2, images.size(0)); ++i) {
    const torch::Tensor code = codes[i];
    pictures.push_back({images[i], fmt::format("picture {}", i)});
    pictures.push_back(
        {reconstructed[i][0], fmt::format("out of {:.1f}, {:.1f}, {:.1f}", code[0].item<double>(),
                                          code[1].item<double>(), code[2].item<double>())});
  }
  fmt::print("{}\n", course::contact_sheet(pictures));
}
// endregion

// region code
// The three numbers of each test picture, in the colour of its class.
void show_code(const torch::Tensor& codes, const course::ImageSet& set, const fs::path& folder) {
  const auto panel = [&](int64_t x, int64_t y) {
    const auto numbers = [&](int64_t column) {
      const torch::Tensor values = codes.select(1, column).to(torch::kFloat64).contiguous();
      const auto* first = values.data_ptr<double>();
      return std::vector<double>(first, first + values.numel());
    };
    const auto* labels = set.labels.data_ptr<int64_t>();
    return course::Scatter{.title = "the test set's code",
                           .x_label = fmt::format("z{}", x + 1),
                           .y_label = fmt::format("z{}", y + 1),
                           .x = numbers(x),
                           .y = numbers(y),
                           .groups = {labels, labels + codes.size(0)},
                           .names = set.class_names};
  };
  course::write_text_atomically(folder / "code.svg",
                                course::svg_scatter({panel(0, 1), panel(0, 2), panel(1, 2)}));
  fmt::print("{}", course::draw_scatter(panel(0, 1)));
}
// endregion

// region run
void run(const CommandLine& command_line) {
  const Config config = compose(base_of(kProgram.base), command_line);
  if (command_line.print_config) return fmt::print("{}", to_toml(config));
  const Seeds seeds = make_seeds(config.seed);
  torch::manual_seed(seeds.weights);
  const auto data = std::make_shared<FashionMnistDataModule>(config.data, seeds);
  const auto module = std::make_shared<LitAutoencoder>(config);
  const fs::path folder = open_run(config, "");
  lit::Trainer trainer(trainer_options(config, folder));

  fmt::print("run: {}\n{}\n\n", folder.string(), course::describe(data->location()));
  trainer.fit(module, data);
  trainer.test(module, data);

  const auto predictions = trainer.predict(module, data);  // in the loop's head it would dangle
  std::vector<torch::Tensor> codes, pictures;
  for (const lit::Batch& batch : predictions[0]) {
    codes.push_back(batch["codes"]);
    pictures.push_back(batch["pictures"]);
  }
  fmt::print("\n");
  show_reconstructions(data->test_set().images, torch::cat(codes), torch::cat(pictures));
  show_code(torch::cat(codes), data->test_set(), folder);
  fmt::print("\nkept in {}: config.toml, checkpoints, csv, tensorboard, code.svg\n",
             folder.string());
}
// endregion

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(read_command_line(argc, argv, kProgram)); },
                             "data.batch_size");
}
