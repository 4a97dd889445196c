// step12: configs that compose, the data of step 11, what the classifier measures, its callbacks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "callbacks/history.h"
#include "callbacks/late_stopping.h"
#include "callbacks/weights_moved.h"
#include "config.h"
#include "data/permutation.h"
#include "error.h"
#include "fashion_mnist_data_module.h"
#include "lit/checkpoint.h"
#include "lit/core/messages.h"
#include "lit/trainer.h"
#include "lit_autoencoder.h"
#include "lit_classifier.h"
#include "optimizers.h"
#include "remove_tree.h"

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const ProgramInfo kProgram{.name = "program", .summary = "Does it.", .base = "train"};

Config composed(std::vector<std::string> words) {
  return compose(base_of("train"), {.file = "", .words = std::move(words), .flag = ""});
}

std::string complaint(const std::function<void()>& call) {
  try {
    call();
  } catch (const course::UsageError& error) {
    return error.what();
  }
  return "nothing";
}

class Step12 : public ::testing::Test {
 protected:
  Step12() {
    std::string name = (fs::temp_directory_path() / "course-step12-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    config_.data.dir = COURSE_SAMPLE_DIR;
    config_.model.name = "mlp";
    config_.model.hidden = 16;
  }
  ~Step12() override {
    course::remove_tree(folder_);
    lit::set_message_handler(handler_);
  }

  std::shared_ptr<FashionMnistDataModule> data() const {
    return std::make_shared<FashionMnistDataModule>(config_.data, make_seeds(config_.seed));
  }
  std::shared_ptr<LitClassifier> classifier() const {
    torch::manual_seed(0);
    return std::make_shared<LitClassifier>(create_model(config_.model), config_);
  }
  static lit::TrainerOptions options(std::vector<std::shared_ptr<lit::Callback>> callbacks = {}) {
    lit::TrainerOptions options;
    options.accelerator = "cpu";
    options.logger = false;
    options.callbacks = std::move(callbacks);
    options.max_epochs = 2;
    options.enable_checkpointing = false;
    options.enable_progress_bar = false;
    options.enable_model_summary = false;
    return options;
  }
  fs::path write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }

  Config config_;
  fs::path folder_;
  lit::MessageHandler handler_ = lit::set_message_handler(nullptr);
};

// region compose
TEST_F(Step12, LaterOnesWin) {
  EXPECT_EQ(Config().data.batch_size, 64);
  EXPECT_EQ(composed({}).data.batch_size, 128);                    // the base
  EXPECT_EQ(composed({"experiment=step11"}).data.batch_size, 64);  // over the base
  // debug over the experiment, whichever comes first
  EXPECT_EQ(composed({"debug=limit", "experiment=step11"}).trainer.max_epochs, 2);
  const fs::path file = write("more.toml", "[trainer]\nmax_epochs = 5\n[optimizer]\nlr = 0.25\n");
  CommandLine line{.file = file.string(), .words = {"debug=limit"}, .flag = ""};
  EXPECT_EQ(compose(base_of("train"), line).trainer.max_epochs, 5);
  line.words.push_back("optimizer.lr=0.5");  // and a word over all
  EXPECT_EQ(compose(base_of("train"), line).optimizer.lr, 0.5);
  EXPECT_EQ(compose(base_of("train"), line).trainer.max_epochs, 5);
}
// endregion

TEST_F(Step12, AFileOfConfigsCanBeRead) {
  int64_t files = 0;
  for (const std::string group : {"experiment", "debug"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(STEP12_CONFIGS) / group)) {
      EXPECT_NO_THROW(composed({group + "=" + entry.path().stem().string()})) << entry.path();
      ++files;
    }
  }
  EXPECT_GE(files, 7);
  for (const std::string base : {"train", "autoencoder", "hooks"}) {
    EXPECT_NO_THROW(compose(base_of(base), {})) << base;
  }
}

TEST_F(Step12, AMistakeIsNamed) {
  const auto word = [](const std::string& text) { return complaint([&] { composed({text}); }); };
  EXPECT_EQ(word("optimizer.lrr=1"), "optimizer.lrr is no known key; did you mean optimizer.lr?");
  EXPECT_EQ(word("lr=1"), "lr is no known key; did you mean optimizer.lr?");
  EXPECT_EQ(word("optimizer.lr=fast"), "optimizer.lr takes a number greater than 0, not 'fast'");
  EXPECT_EQ(word("data.normalize=yes"), "data.normalize takes true or false, not 'yes'");
  EXPECT_EQ(word("experiment=step1"),
            "experiment takes mlp, step11 or tops, not 'step1'; did you mean step11?");
  const fs::path file = write("bad.toml", "[trainer]\nmax_epochs = 5\nmax_epoch = 7\n");
  EXPECT_EQ(complaint([&] {
              compose(base_of("train"), {.file = file.string(), .words = {}, .flag = ""});
            }),
            file.string() +
                ":3: trainer.max_epoch is no known key; did you mean "
                "trainer.max_epochs?");
  const char* const arguments[] = {"program", "--epochs", "3"};
  EXPECT_THAT(complaint([&] { read_command_line(3, arguments, kProgram); }),
              HasSubstr("unknown argument --epochs"));
}

TEST_F(Step12, AConfigIsWrittenAndReadBack) {
  const Config config = composed({"trainer.limit_train_batches=20", "trainer.limit_val_batches=0.5",
                                  "model.classes=1,2", "optimizer.fused=false", "seed=7"});
  EXPECT_EQ(std::get<int64_t>(config.trainer.limit_train_batches), 20);
  EXPECT_EQ(std::get<double>(config.trainer.limit_val_batches), 0.5);
  const fs::path file = write("all.toml", to_toml(config));
  EXPECT_EQ(to_toml(compose(file, {})), to_toml(config));
  EXPECT_EQ(to_toml(from_dict(to_dict(config))), to_toml(config));
  course::Dict wrong = to_dict(config);
  wrong.set("sede", 7);
  EXPECT_THAT(complaint([&] { from_dict(wrong); }), HasSubstr("sede is no known key"));
}

TEST_F(Step12, DataAreSplitByTheSeedAndOrderedAsInStep11) {
  config_.data.normalize = false;
  config_.data.batch_size = 2000;
  const auto module = data();
  module->setup("fit");
  const auto labels = [](const lit::Loaders& loaders, int64_t epoch) {
    loaders[0]->begin_epoch(epoch);
    return (*loaders[0]->next())["target"].clone();
  };
  const course::ImageSet all =
      course::load_image_set(course::find_data(COURSE_SAMPLE_DIR), course::Split::train);
  const Seeds seeds = make_seeds(0);
  const torch::Tensor split = course::permutation(seeds.split, 0, 2000);
  EXPECT_TRUE(torch::equal(labels(module->val_dataloader(), 0),
                           all.labels.index_select(0, split.slice(0, 0, 200))));
  const torch::Tensor train = all.labels.index_select(0, split.slice(0, 200));
  const torch::Tensor order = course::permutation(seeds.shuffle, 1, 1800);
  EXPECT_TRUE(torch::equal(labels(module->train_dataloader(), 0), train.index_select(0, order)));
  EXPECT_FALSE(torch::equal(labels(module->train_dataloader(), 1), train.index_select(0, order)));
}

TEST_F(Step12, WithoutAValidationSetTheTestSetIsWatched) {
  config_.data.validation = 0;
  const auto module = data();
  module->setup("fit");
  EXPECT_EQ(*module->train_dataloader()[0]->batches(), 32);  // ceil(2000 / 64)
  EXPECT_EQ(*module->val_dataloader()[0]->batches(), 8);     // ceil(500 / 64)
}

// A data module that shows what its hook did.
TEST_F(Step12, FlipsInTrainingOnly) {
  config_.data.flip = 1;
  config_.data.normalize = false;
  struct Watching : FashionMnistDataModule {
    using FashionMnistDataModule::FashionMnistDataModule;
    lit::Batch on_after_batch_transfer(lit::Batch batch, int64_t index) override {
      const torch::Tensor before = batch[0].clone();
      lit::Batch after = FashionMnistDataModule::on_after_batch_transfer(std::move(batch), index);
      const bool mirrored = torch::equal(after[0], before.flip(3));
      ++(mirrored ? flipped : torch::equal(after[0], before) ? kept : other);
      training += trainer().training() ? 1 : 0;
      return after;
    }
    int64_t flipped = 0, kept = 0, other = 0, training = 0;
  };
  const auto module = std::make_shared<Watching>(config_.data, make_seeds(0));
  lit::TrainerOptions limited = options();
  limited.limit_train_batches = 3;
  limited.limit_val_batches = 2;
  lit::Trainer(limited).fit(classifier(), module);
  EXPECT_EQ(module->training, 6);
  EXPECT_EQ(module->flipped, 6);
  EXPECT_GT(module->kept, 0);
  EXPECT_EQ(module->other, 0);
}

// region mask
TEST_F(Step12, MaskedClassesAreNeverPredicted) {
  config_.model.classes = "0,2,6";
  const torch::Tensor scores = torch::randn({100, 10});
  const torch::Tensor said = classifier()->mask_outputs(scores).argmax(1);
  EXPECT_TRUE(((said == 0) | (said == 2) | (said == 6)).all().item<bool>());
  const torch::Tensor among = torch::tensor({0, 2, 6}).index_select(
      0, scores.index_select(1, torch::tensor({0, 2, 6})).argmax(1));
  EXPECT_TRUE(torch::equal(said, among));  // the best of those that are allowed
  config_.model.classes = "";
  EXPECT_TRUE(classifier()->mask_outputs(scores).is_same(scores));
  config_.model.classes = "0,12";
  EXPECT_THAT(complaint([&] { classifier(); }), HasSubstr("model.classes"));
}
// endregion

TEST_F(Step12, TestAccuracyIsTheShareOfRightAnswers) {
  const auto module = classifier();
  const auto set = data();
  lit::Trainer trainer(options());
  const auto scores = trainer.test(module, set, {.verbose = false});
  int64_t right = 0, samples = 0;
  const torch::NoGradGuard no_grad;
  module->eval();
  const auto loader = set->test_dataloader()[0];
  loader->begin_epoch(0);
  double loss = 0;
  while (const auto batch = loader->next()) {
    const torch::Tensor outputs = module->forward((*batch)[0]);
    right += (outputs.argmax(1) == (*batch)[1]).sum().item<int64_t>();
    loss += torch::cross_entropy_loss(outputs, (*batch)[1], {}, at::Reduction::Sum).item<double>();
    samples += (*batch)[1].numel();
  }
  ASSERT_EQ(samples, 500);
  EXPECT_DOUBLE_EQ(scores[0].at("test_acc"), static_cast<double>(right) / 500);
  EXPECT_NEAR(scores[0].at("test_loss"), loss / 500, 1e-5);
  const torch::Tensor confusion = module->confusion();
  EXPECT_EQ(confusion.sum().item<int64_t>(), 500);
  EXPECT_EQ(confusion.trace().item<int64_t>(), right);
  trainer.test(module, set, {.verbose = false});  // a second test counts anew
  EXPECT_TRUE(torch::equal(module->confusion(), confusion));
}

// region best
// The check before training sees an untrained model; were it counted, a lucky one stayed the best.
TEST_F(Step12, TheSanityCheckIsNotTheBest) {
  struct Lucky : LitClassifier {
    using LitClassifier::LitClassifier;
    lit::StepOutput validation_step(const lit::Batch& batch, int64_t i, int64_t loader) override {
      if (!trainer().sanity_checking()) return LitClassifier::validation_step(batch, i, loader);
      const torch::Tensor& images = batch[0];  // with labels that make it right every time
      return LitClassifier::validation_step({images, forward(images).argmax(1)}, i, loader);
    }
  };
  torch::manual_seed(0);
  const auto module = std::make_shared<Lucky>(create_model(config_.model), config_);
  const auto history =
      std::make_shared<History>(std::vector<std::string>{"val_acc", "val_acc_best"});
  lit::Trainer trainer(options({history}));
  trainer.fit(module, data());
  const auto& accuracy = history->curves()[0].y;
  const auto& best = history->curves()[1].y;
  ASSERT_EQ(best.size(), 2U);
  EXPECT_LT(best[0], 1);
  EXPECT_EQ(best[0], accuracy[0]);
  EXPECT_EQ(best[1], std::max(accuracy[0], accuracy[1]));
}
// endregion

TEST_F(Step12, SchedulerWatchesValLoss) {
  const auto net = create_model(config_.model);
  const auto optimizer = make_optimizer(net->parameters(), config_.optimizer);
  EXPECT_FALSE(make_scheduler(optimizer, config_.scheduler, 5).has_value());
  config_.scheduler.name = "plateau";
  EXPECT_EQ(make_scheduler(optimizer, config_.scheduler, 5)->monitor, "val_loss");
  config_.scheduler.name = "platau";
  EXPECT_THAT(complaint([&] { make_scheduler(optimizer, config_.scheduler, 5); }),
              HasSubstr("did you mean plateau?"));
}

TEST_F(Step12, FusedOrNotIsTheSameOptimizer) {
  for (const std::string name : {"adam", "adamw", "sgd"}) {
    config_.optimizer.name = name;
    std::vector<torch::Tensor> weights;
    for (const bool fused : {true, false}) {
      config_.optimizer.fused = fused;
      const torch::Tensor weight = torch::ones({3}, torch::requires_grad());
      const auto optimizer = make_optimizer({weight}, config_.optimizer);
      weight.square().sum().backward();
      optimizer->step();
      weights.push_back(weight.detach());
    }
    EXPECT_TRUE(torch::allclose(weights[0], weights[1], 1e-6, 1e-7)) << name;
    EXPECT_LT(weights[0][0].item<double>(), 1) << name;
  }
}

TEST_F(Step12, LateStoppingDoesNotCountTheFirstChecks) {
  struct Open : LateStopping {
    using LateStopping::LateStopping;
    bool stops(double value) { return evaluate(value).stop; }
  };
  const auto checks = [](Open stopping) {
    int64_t count = 1;
    while (!stopping.stops(1.0)) ++count;
    return count;
  };
  const lit::EarlyStoppingOptions options{.monitor = "val_loss", .patience = 3};
  EXPECT_EQ(checks({options, 0}), 4);  // the first is an improvement
  EXPECT_EQ(checks({options, 5}), 9);
  Open stopping(options, 5);
  for (int64_t i = 0; i < 4; ++i) stopping.stops(1.0);
  Open resumed(options, 5);
  resumed.load_state_dict(stopping.state_dict());
  EXPECT_EQ(checks(resumed), 5);
  EXPECT_TRUE(Open(options, 5).stops(std::nan(""))) << "which no later epoch mends";
}

// region both_ways
TEST_F(Step12, AHookAndACallbackMeasureTheSame) {
  const auto history =
      std::make_shared<History>(std::vector<std::string>{"moved", "moved_callback"});
  lit::Trainer trainer(options({std::make_shared<WeightsMoved>(), history}));
  torch::manual_seed(0);
  trainer.fit(std::make_shared<WatchedClassifier>(create_model(config_.model), config_), data());
  ASSERT_EQ(history->curves()[0].y.size(), 2U);
  EXPECT_GT(history->curves()[0].y[0], 0);
  EXPECT_EQ(history->curves()[0].y, history->curves()[1].y);

  const auto other = std::make_shared<History>(std::vector<std::string>{"moved_callback"});
  lit::Trainer(options({std::make_shared<WeightsMoved>(), other}))
      .fit(std::make_shared<LitAutoencoder>(config_), data());
  EXPECT_EQ(other->curves()[0].y.size(), 2U);
}
// endregion

TEST_F(Step12, HistoryGoesOnAfterACheckpoint) {
  History history({"train_loss", "val_loss"});
  history.load_state_dict(
      {{"train_loss", course::Dict{{"epochs", course::List{1.0}}, {"values", course::List{0.5}}}},
       {"val_loss", course::Dict{{"epochs", course::List{}}, {"values", course::List{}}}}});
  EXPECT_EQ(history.curves()[0].y, std::vector<double>{0.5});
  History again({"train_loss", "val_loss"});
  again.load_state_dict(history.state_dict());
  EXPECT_EQ(again.curves()[0].x, std::vector<double>{1});
  EXPECT_TRUE(again.curves()[1].y.empty());
}

TEST_F(Step12, WhatACheckpointTellsItsCallbacksIsChecked) {
  const auto refused = [](auto&& callback, const course::Dict& state) -> std::string {
    try {
      callback.load_state_dict(state);
    } catch (const course::Error& error) {
      return error.what();
    }
    return "";
  };
  const auto curve = [](const course::List& epochs, const course::List& values) {
    return course::Dict{{"loss", course::Dict{{"epochs", epochs}, {"values", values}}}};
  };
  History history({"loss"});
  EXPECT_THAT(refused(history, curve({0.0, 1.0}, {0.5})), HasSubstr("loss has 2 epochs"));
  EXPECT_THAT(refused(history, curve({std::nan("")}, {0.5})), HasSubstr("epochs[0] is nan"));
  EXPECT_THAT(refused(history, {{"loss", course::Value()}}), HasSubstr("loss is None"));
  EXPECT_EQ(refused(history, curve({0.0}, {std::nan("")})), "") << "a loss may have been";
  LateStopping stopping({.monitor = "loss"}, 2);
  course::Dict state = stopping.state_dict();
  state.set("checks", std::numeric_limits<int64_t>::max());
  EXPECT_THAT(refused(stopping, state), HasSubstr("checks is 9223372036854775807"));
}

TEST_F(Step12, AutoencoderGoesThroughThreeNumbers) {
  torch::manual_seed(0);
  LitAutoencoder module(config_);
  const torch::Tensor images = torch::rand({5, 1, 28, 28});
  EXPECT_EQ(module.encode(images).sizes(), (std::vector<int64_t>{5, 3}));
  EXPECT_EQ(module.decode(module.encode(images)).sizes(), images.sizes());
  int64_t numbers = 0;
  for (const torch::Tensor& parameter : module.parameters()) numbers += parameter.numel();
  EXPECT_EQ(numbers, 784 * 64 + 64 + 64 * 3 + 3 + 3 * 64 + 64 + 64 * 784 + 784);
}

}  // namespace
