// Runs whose logs are read by a test in Python:
//
//     lit_logger_runs events|claim|fit|endless|report FOLDER
#include <spdlog/fmt/fmt.h>
#include <torch/torch.h>

#include <cmath>
#include <iostream>
#include <limits>
#include <string>

#include "config/program.h"
#include "data/find.h"
#include "data/image_set.h"
#include "lit/callbacks/html_report.h"
#include "lit/loggers/csv_logger.h"
#include "lit/loggers/tensorboard_logger.h"
#include "lit/metrics/classification.h"
#include "lit/trainer.h"

namespace {

// One of each kind. Values are such that Python can say what they must be.
void events(const std::string& folder) {
  lit::SummaryWriter writer(folder);
  writer.add_scalar("loss", 0.5, 3);
  writer.add_scalar("loss", 1e-3, 4);
  writer.add_scalar("far", -1.5, int64_t{1} << 40);
  writer.add_scalars("both/losses", {{"train", 1}, {"val", 2}}, 7);
  writer.add_image("ramp", torch::arange(12, torch::kUInt8).reshape({3, 4}) * 20, 1);
  writer.add_image("red", torch::tensor({1.0, 0.5, 0.0}).reshape({3, 1, 1}).expand({3, 2, 5}), 2);
  writer.add_images("grid", torch::arange(9).reshape({9, 1, 1, 1}).to(torch::kUInt8) * 10, 3);
  const auto values = torch::arange(-50, 50, torch::kFloat64) * 0.1;
  writer.add_histogram("weights", values, 5);
  writer.add_histogram(
      "with_nan", torch::tensor({1.0, std::nan(""), 2.0, std::numeric_limits<double>::infinity()}),
      6);
  writer.add_text("note", "**bold**, and ümläute", 8);
  writer.add_hparams({{"lr", 0.1}, {"epochs", 3}, {"amsgrad", true}, {"name", "adam"}},
                     {{"hp/accuracy", 0.9}});
  writer.flush();
}

// A linear network of one weight: log_every_n_steps 2, five batches, two of validation.
class Line : public lit::LightningModule {
 public:
  Line() {
    w_ = register_parameter("w", torch::ones({1}));
    save_hyperparameters({{"lr", 1e-5},
                          {"layers", course::List{64, 3}},
                          {"name", "yes"},
                          {"model", course::Dict{{"dropout", 0.5}, {"bias", true}}},
                          {"nothing", course::Value()}});
  }
  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    const torch::Tensor loss = (w_ * batch[0]).mean();
    log("m", batch[0].mean(), {.on_step = true, .on_epoch = true});
    if (current_epoch() == 1) log("late, or not", batch[0].sum());
    return loss;
  }
  lit::StepOutput validation_step(const lit::Batch& batch, int64_t, int64_t) override {
    log("v", batch[0].mean(), {.on_step = true, .on_epoch = true});
    return {};
  }
  lit::Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(parameters(), 1e-5);
  }
  void on_train_epoch_end() override {
    if (auto* board = dynamic_cast<lit::TensorBoardLogger*>(logger())) {
      board->experiment().add_histogram("w", w_, global_step());
      board->experiment().add_image("noise", torch::rand({64, 64}), global_step());
    }
  }

 private:
  torch::Tensor w_;
};

lit::Loaders numbers(int64_t n) {
  const auto x = torch::arange(1, n + 1).to(torch::kFloat32).unsqueeze(1);
  return course::InMemoryLoader(x, x, {.batch_size = 1});
}

void fit(const std::string& folder, int64_t epochs) {
  auto board =
      std::make_shared<lit::TensorBoardLogger>(lit::TensorBoardLoggerOptions{.save_dir = folder});
  auto table = std::make_shared<lit::CSVLogger>(
      lit::CSVLoggerOptions{.save_dir = folder, .version = board->version()});
  lit::Trainer trainer({.accelerator = "cpu",
                        .logger = {board, table},
                        .max_epochs = epochs,
                        .log_every_n_steps = 2,
                        .enable_progress_bar = false,
                        .enable_model_summary = false,
                        .default_root_dir = folder});
  const auto module = std::make_shared<Line>();
  trainer.fit(module, numbers(5), numbers(2));
  trainer.validate(module, numbers(2), {.verbose = false});
}

// A classifier on the sample of Fashion-MNIST, with its confusion matrix.
class Classifier : public lit::LightningModule {
 public:
  Classifier() {
    net_ = register_module("net", torch::nn::Linear(784, 10));
    matrix_ = register_module(
        "matrix", lit::metric<lit::ConfusionMatrix>({.task = "multiclass", .num_classes = 10}));
    accuracy_ = register_module(
        "accuracy", lit::metric<lit::Accuracy>({.task = "multiclass", .num_classes = 10}));
    save_hyperparameters({{"lr", 1e-3}, {"model", course::Dict{{"name", "linear <b>"}}}});
  }
  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    const auto loss = torch::cross_entropy_loss(scores(batch), batch[1]);
    log("train_loss", loss, {.on_step = true, .on_epoch = true});
    return loss;
  }
  lit::StepOutput validation_step(const lit::Batch& batch, int64_t, int64_t) override {
    return judge(batch, "val");
  }
  lit::StepOutput test_step(const lit::Batch& batch, int64_t, int64_t) override {
    return judge(batch, "test");
  }
  void on_validation_epoch_end() override { matrix_->reset(); }
  void on_test_epoch_end() override { matrix_->reset(); }
  lit::Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::Adam>(parameters(), 1e-3);
  }

 private:
  torch::Tensor scores(const lit::Batch& batch) { return net_(batch[0].flatten(1)); }
  lit::StepOutput judge(const lit::Batch& batch, const std::string& stage) {
    const torch::Tensor preds = scores(batch);
    const auto loss = torch::cross_entropy_loss(preds, batch[1]);
    matrix_->update(preds, batch[1]);
    accuracy_->update(preds, batch[1]);
    log(stage + "_loss", loss);
    log(stage + "_acc", accuracy_);
    return {loss, {{"preds", preds}}};
  }

  torch::nn::Linear net_{nullptr};
  std::shared_ptr<lit::ConfusionMatrix> matrix_;
  std::shared_ptr<lit::Accuracy> accuracy_;
};

void report(const std::string& folder) {
  const auto load = [](course::Split split, int64_t batch_size) {
    const auto set = course::load_image_set(course::find_data(""), split);
    return course::InMemoryLoader(set.images.unsqueeze(1).to(torch::kFloat32) / 255, set.labels,
                                  {.batch_size = batch_size});
  };
  lit::Trainer trainer(
      {.accelerator = "cpu",
       .logger = std::make_shared<lit::CSVLogger>(lit::CSVLoggerOptions{.save_dir = folder}),
       .callbacks = {lit::callback<lit::HtmlReport>(
           {.title = "Fashion & more",
            .class_names = {"T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                            "Sneaker", "Bag", "Boot"}})},
       .max_epochs = 5,
       .log_every_n_steps = 5,
       .enable_progress_bar = false,
       .enable_model_summary = false});
  const auto module = std::make_shared<Classifier>();
  trainer.fit(module, load(course::Split::train, 64), load(course::Split::test, 100));
  trainer.test(module, load(course::Split::test, 100));
}

}  // namespace

int main(int argc, char** argv) {
  return course::run_program([&] {
    if (argc != 3) throw course::UsageError("lit_logger_runs takes what to run, and a folder");
    const std::string what = argv[1], folder = argv[2];
    torch::manual_seed(0);
    if (what == "events") {
      events(folder);
    } else if (what == "claim") {
      std::cout << lit::TensorBoardLogger({.save_dir = folder}).version() << '\n'
                << lit::CSVLogger({.save_dir = folder}).version() << '\n';
    } else if (what == "report") {
      report(folder);
    } else {
      fit(folder, what == "endless" ? -1 : 2);
    }
  });
}
