// The job of step 11, once by its own loop and once through the Trainer: the same numbers.
#include <gtest/gtest.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>

#include <filesystem>

#include "data/permutation.h"
#include "evaluate.h"
#include "lit/callbacks/early_stopping.h"
#include "lit/core/messages.h"
#include "lit/trainer.h"
#include "seed.h"
#include "serialize/state_dict.h"
#include "train.h"

namespace {

namespace fs = std::filesystem;

// step11's loader, made anew for each epoch.
class Epochs : public lit::Loader {
 public:
  Epochs(ImageDataset dataset, Config config, Seeds seeds)
      : dataset_(std::move(dataset)), config_(std::move(config)), seeds_(seeds) {}

  std::optional<int64_t> batches() const override {
    const auto n = static_cast<int64_t>(*dataset_.size());
    return (n + config_.batch_size - 1) / config_.batch_size;
  }
  void begin_epoch(int64_t epoch) override {
    loader_ = lit::loader(make_epoch_loader(dataset_, config_, seeds_, epoch + 1));
    loader_->begin_epoch(0);
  }
  std::optional<lit::Batch> next() override { return loader_->next(); }
  course::Dict state_dict() const override { return {}; }
  void load_state_dict(const course::Dict&) override {}

 private:
  ImageDataset dataset_;
  Config config_;
  Seeds seeds_;
  std::shared_ptr<lit::Loader> loader_;
};

class LitJob : public lit::LightningModule {
 public:
  LitJob(const Config& config, const Seeds& seeds) : config_(config), seeds_(seeds) {
    torch::manual_seed(seeds.weights);
    net = register_module("net", create_model(config));
  }
  void on_train_epoch_start() override {
    torch::manual_seed(course::mix_seed(seeds_.dropout, current_epoch() + 1));
  }
  lit::StepOutput training_step(const lit::Batch& batch, int64_t) override {
    const auto [images, labels] = batch.unpack<2>();
    const torch::Tensor loss = criterion_(net->forward(images), labels);
    log("train_loss", loss, {.on_step = false, .on_epoch = true});
    return loss;
  }
  lit::StepOutput validation_step(const lit::Batch& batch, int64_t, int64_t) override {
    const auto [images, labels] = batch.unpack<2>();
    val_losses_.push_back(each_(net->forward(images), labels));
    return {};
  }
  void on_validation_epoch_end() override {
    log("val_loss", torch::cat(val_losses_).mean());
    val_losses_.clear();
  }
  void on_train_epoch_end() override {
    const auto& metrics = trainer().callback_metrics();
    train_loss.push_back(metrics.at("train_loss").value());
    val_loss.push_back(metrics.at("val_loss").value());
  }
  lit::Optimizers configure_optimizers() override { return make_optimizer(*net, config_); }

  std::shared_ptr<Classifier> net;
  std::vector<double> train_loss, val_loss;

 private:
  Config config_;
  Seeds seeds_;
  torch::nn::CrossEntropyLoss criterion_;
  torch::nn::CrossEntropyLoss each_{torch::nn::CrossEntropyLossOptions().reduction(torch::kNone)};
  std::vector<torch::Tensor> val_losses_;
};

TEST(Step11Job, SameLossesToTheLastDigit) {
  Config config;
  config.epochs = 8;
  config.patience = 2;
  const Seeds seeds = make_seeds(1);
  const Splits splits = split(load_data_sets("fashion-mnist", COURSE_SAMPLE_DIR).train,
                              config.validation, seeds.split);

  std::string name = (fs::temp_directory_path() / "course-job-XXXXXX").string();
  const fs::path folder = mkdtemp(name.data());
  spdlog::set_level(spdlog::level::off);
  torch::manual_seed(seeds.weights);
  const auto model = create_model(config);
  History history;
  {
    MetricsFile metrics(folder, {"train_loss", "val_loss", "val_accuracy"});
    history = train(*model, splits, torch::kCPU, config, seeds, metrics, folder);
  }
  spdlog::set_level(spdlog::level::info);
  fs::remove_all(folder);

  const auto handler = lit::set_message_handler(nullptr);
  const auto job = std::make_shared<LitJob>(config, seeds);
  lit::Trainer trainer({.accelerator = "cpu",
                        .callbacks = {lit::callback<lit::EarlyStopping>(
                            {.monitor = "val_loss", .patience = config.patience})},
                        .max_epochs = config.epochs,
                        .enable_checkpointing = false,
                        .enable_progress_bar = false,
                        .enable_model_summary = false});
  trainer.fit(job, std::make_shared<Epochs>(splits.train, config, seeds),
              lit::loader(make_loader<torch::data::samplers::SequentialSampler>(
                  splits.validation, torch::data::DataLoaderOptions(config.batch_size))));
  lit::set_message_handler(handler);

  EXPECT_LT(history.epochs.size(), 8U)
      << "patience was to end it, so that stopping is compared too";
  EXPECT_EQ(job->train_loss, history.train_loss);
  EXPECT_EQ(job->val_loss, history.validation_loss);
  EXPECT_EQ(trainer.current_epoch(), static_cast<int64_t>(history.epochs.size()));
}

}  // namespace
