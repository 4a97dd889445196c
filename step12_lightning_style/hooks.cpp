// What happens when: every call of one epoch, and one feature as a hook and as a callback.
#include <spdlog/fmt/fmt.h>

#include <string>
#include <vector>

#include "callbacks/history.h"
#include "callbacks/weights_moved.h"
#include "config.h"
#include "config/program.h"
#include "device/threads.h"
#include "fashion_mnist_data_module.h"
#include "lit/core/messages.h"
#include "lit/trainer.h"
#include "lit_autoencoder.h"
#include "lit_classifier.h"
#include "terminal/table.h"

namespace {

const ProgramInfo kProgram{.name = "step12_hooks",
                           .summary = "Show when each hook is called, and by whom it can be taken.",
                           .base = "hooks"};

// Nothing is kept, and nothing is printed but what this program prints.
lit::TrainerOptions quiet(const Config& config) {
  return {.accelerator = config.trainer.accelerator,
          .logger = false,
          .max_epochs = config.trainer.max_epochs,
          .limit_train_batches = config.trainer.limit_train_batches,
          .limit_val_batches = config.trainer.limit_val_batches,
          .num_sanity_val_steps = 0,
          .enable_checkpointing = false,
          .enable_progress_bar = false,
          .enable_model_summary = false};
}

// region trace
// Each call, and whose: the callbacks' and the module's of the same name come one after the other.
void show_trace(const std::vector<std::string>& calls) {
  course::Table table({course::left("hook"), course::left("callbacks"), course::left("module"),
                       course::left("data module")});
  for (size_t i = 0; i < calls.size(); ++i) {
    const std::string hook = calls[i].substr(3);
    std::vector<std::string> row{hook, "", "", ""};
    for (; i < calls.size() && calls[i].substr(3) == hook; ++i) {
      const std::string owner = calls[i].substr(0, 2);
      row[owner == "cb" ? 1 : owner == "lm" ? 2 : 3] = "x";
    }
    --i;
    table.row(row);
  }
  fmt::print("{}", table.text());
}

void trace(const Config& config, const std::shared_ptr<FashionMnistDataModule>& data) {
  std::vector<std::string> calls;
  const auto handler = lit::set_message_handler([&](lit::Level, const std::string& text) {
    if (text.find('.') == 2) calls.push_back(text);  // "lm.training_step", and no other news
  });
  lit::TrainerOptions options = quiet(config);
  options.callbacks = {std::make_shared<WeightsMoved>()};
  options.max_epochs = 1;
  options.limit_train_batches = 1;
  options.limit_val_batches = 1;
  options.trace_hooks = true;
  lit::Trainer(options).fit(std::make_shared<LitClassifier>(create_model(config.model), config),
                            data);
  lit::set_message_handler(handler);
  fmt::print("one epoch of one batch, and a validation of one batch:\n\n");
  show_trace(calls);
}
// endregion

// region both_ways
template <typename Module>
void show_distances(const std::string& title, const Config& config,
                    const std::shared_ptr<Module>& module,
                    const std::shared_ptr<FashionMnistDataModule>& data) {
  const auto history =
      std::make_shared<History>(std::vector<std::string>{"moved", "moved_callback"});
  lit::TrainerOptions options = quiet(config);
  options.callbacks = {std::make_shared<WeightsMoved>(), history};
  lit::Trainer(options).fit(module, data);
  const auto numbers = [&](size_t curve) {
    std::string text;
    for (const double value : history->curves()[curve].y) text += fmt::format("  {:.6f}", value);
    return text.empty() ? "  it has none" : text;
  };
  fmt::print("{}\n  by its hook:      {}\n  by the callback:  {}\n", title, numbers(0), numbers(1));
}
// endregion

void run(const CommandLine& command_line) {
  const Config config = compose(base_of(kProgram.base), command_line);
  if (command_line.print_config) return fmt::print("{}", to_toml(config));
  course::set_up_threads(config.threads, "threads");
  const Seeds seeds = make_seeds(config.seed);
  torch::manual_seed(seeds.weights);
  const auto data = std::make_shared<FashionMnistDataModule>(config.data, seeds);
  trace(config, data);
  fmt::print("\nhow far each epoch moves the weights:\n\n");
  show_distances("LitClassifier", config,
                 std::make_shared<WatchedClassifier>(create_model(config.model), config), data);
  show_distances("LitAutoencoder", config, std::make_shared<LitAutoencoder>(config), data);
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { run(read_command_line(argc, argv, kProgram)); },
                             "data.batch_size");
}
