// Fits a line through points with the trainer library, from outside of its repository.
#include <lit/lit.h>
#include <torch/torch.h>

#include <cmath>
#include <iostream>

// region module
class LineFit : public lit::LightningModule {
 public:
  LineFit() { line_ = register_module("line", torch::nn::Linear(1, 1)); }

  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    const auto [x, y] = batch.unpack<2>();
    const auto loss = torch::mse_loss(line_(x), y);
    log("loss", loss, {.prog_bar = true, .on_epoch = true});
    return loss;
  }
  lit::Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(parameters(), 0.1);
  }

 private:
  torch::nn::Linear line_{nullptr};
};
// endregion

void run() {
  // region fit
  torch::manual_seed(0);
  const auto x = torch::linspace(-1, 1, 64).unsqueeze(1);
  const lit::InMemoryLoader loader(x, 3 * x - 1, {.batch_size = 8, .shuffle = true});
  const auto module = std::make_shared<LineFit>();
  lit::Trainer trainer({.accelerator = "cpu",
                        .callbacks = {lit::callback<lit::EarlyStopping>(
                            {.monitor = "loss_epoch", .stopping_threshold = 1e-6})},
                        .max_epochs = 100});
  trainer.fit(module, loader);
  // endregion
  std::cout << "slope " << std::round(module->parameters()[0].item<float>() * 100) / 100
            << ", intercept " << std::round(module->parameters()[1].item<float>() * 100) / 100
            << '\n';
}

int main() {
  return lit::run_main(run);
}
