// Trains a small network for the test of the border with Python, and says what its weights are:
//
//     lit_border OPTIMIZER STEPS OUT [IN]
//
// goes on from the checkpoint IN, to STEPS steps in all, and writes the checkpoint OUT.
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <iostream>
#include <string>

#include "config/program.h"
#include "lit/checkpoint.h"
#include "lit/trainer.h"

namespace {

using torch::nn::Linear;

constexpr int64_t kBatches = 10;

torch::Tensor waves(std::vector<int64_t> sizes, double pace) {
  int64_t n = 1;
  for (const int64_t size : sizes) n *= size;
  return torch::sin(torch::arange(n, torch::kFloat64) * pace).to(torch::kFloat32).reshape(sizes);
}

// Batch i of the ten that every epoch has.
class Waves : public lit::Loader {
 public:
  std::optional<int64_t> batches() const override { return kBatches; }
  void begin_epoch(int64_t) override {
    if (!std::exchange(resumed_, false)) at_ = 0;
  }
  std::optional<lit::Batch> next() override {
    if (at_ == kBatches) return std::nullopt;
    const double pace = 0.7 + 0.01 * static_cast<double>(at_++);
    return lit::Batch{waves({6, 4}, pace), waves({6, 3}, pace + 0.2)};
  }
  course::Dict state_dict() const override { return {{"at", at_}}; }
  void load_state_dict(const course::Dict& state) override {
    at_ = state.at("at").as_int();
    resumed_ = true;
  }

 private:
  int64_t at_ = 0;
  bool resumed_ = false;
};

class Network : public lit::LightningModule {
 public:
  explicit Network(std::string optimizer) : optimizer_(std::move(optimizer)) {
    net_ = register_module("net",
                           torch::nn::Sequential{Linear(4, 8), torch::nn::Tanh(), Linear(8, 3)});
    const torch::NoGradGuard no_grad;
    double pace = 0.3;
    for (torch::Tensor& p : parameters()) p.copy_(0.5 * waves(p.sizes().vec(), pace += 0.1));
    save_hyperparameters({{"optimizer", optimizer_}});
  }
  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    return torch::mse_loss(net_->forward(batch[0]), batch[1]);
  }
  lit::Optimizers configure_optimizers() override {
    using namespace torch::optim;
    std::shared_ptr<Optimizer> made;
    if (optimizer_ == "adam") {
      made = std::make_shared<Adam>(parameters(), AdamOptions(0.01).weight_decay(0.01));
    } else if (optimizer_ == "adamw") {
      made = std::make_shared<AdamW>(parameters(), AdamWOptions(0.01).amsgrad(true));
    } else {
      made = std::make_shared<SGD>(parameters(), SGDOptions(0.05).momentum(0.9).nesterov(true));
    }
    return lit::OptimizerConfig{
        .optimizer = made,
        .lr_scheduler = lit::LRSchedulerConfig{
            .scheduler = std::make_shared<lit::ExponentialLR>(made, 0.99), .interval = "step"}};
  }

 private:
  std::string optimizer_;
  torch::nn::Sequential net_{nullptr};
};

int run(int argc, char** argv) {
  if (argc < 4) throw course::UsageError("usage: lit_border OPTIMIZER STEPS OUT [IN]");
  const auto network = std::make_shared<Network>(argv[1]);
  lit::Trainer trainer({.accelerator = "cpu",
                        .max_steps = std::stoll(argv[2]),
                        .enable_checkpointing = false,
                        .enable_progress_bar = false,
                        .enable_model_summary = false});
  trainer.fit(network, std::make_shared<Waves>(), {}, {.ckpt_path = argc > 4 ? argv[4] : ""});
  trainer.save_checkpoint(argv[3]);
  for (const torch::Tensor& p : network->parameters()) {
    const torch::Tensor flat = p.detach().flatten();
    for (int64_t i = 0; i < flat.numel(); ++i)
      std::cout << fmt::format("{:a}\n", flat[i].item<float>());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] { return run(argc, argv); });
}
