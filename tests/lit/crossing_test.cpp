// What a checkpoint says in Lightning's words, and what of Lightning's is understood here; real
// runs cross the border in tests/lit/border.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <chrono>

#include "../common/temporary_folder.h"
#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/callbacks/weight_averaging.h"
#include "lit/checkpoint.h"
#include "lit/optim/schedulers.h"
#include "serialize/torch_file.h"
#include "testing.h"

namespace lit {
namespace {

namespace fs = std::filesystem;
using course::Dict;
using course::List;
using course::Value;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::Line;
using testing::Messages;
using ::testing::Not;
using testing::numbers;
using testing::quiet;

class Crossing : public ::testing::Test {
 protected:
  Crossing() { torch::manual_seed(0); }

  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
  /// The place that Lightning's counters tell, in the file of a run of two epochs of four batches.
  void write_counters(Dict counters, int64_t step) {
    const auto module = std::make_shared<Line>();
    Trainer trainer(quiet({.max_epochs = 1}));
    trainer.fit(module, numbers(4));
    trainer.save_checkpoint(file("ours.ckpt"));
    Dict checkpoint = read_checkpoint(file("ours.ckpt"));
    checkpoint.set("global_step", step);
    checkpoint.set("loops", Dict{{"fit_loop", std::move(counters)}});
    course::write_torch_file(file("theirs.ckpt"), checkpoint);
  }
  /// Epoch and number of each batch that follows.
  std::vector<std::pair<int64_t, int64_t>> batches_after() {
    std::vector<std::pair<int64_t, int64_t>> batches;
    const auto module = std::make_shared<Line>();
    module->on_step = [&](Line& line, const Batch&, int64_t batch_idx, const torch::Tensor&) {
      batches.emplace_back(line.current_epoch(), batch_idx);
    };
    Trainer trainer(quiet({.max_epochs = 3}));
    trainer.fit(module, numbers(4), {}, {.ckpt_path = file("theirs.ckpt")});
    return batches;
  }

  const course::testing::TemporaryFolder folder_;
  Messages messages_;
};

Dict counter(int64_t ready, int64_t processed, int64_t completed) {
  const Dict one{
      {"ready", ready}, {"started", ready}, {"processed", processed}, {"completed", completed}};
  return {{"total", one}, {"current", one}};
}
Dict batch_counter(int64_t ready, int64_t processed, int64_t completed, bool is_last) {
  Dict all = counter(ready, processed, completed);
  all.set("is_last_batch", is_last);
  return all;
}

TEST_F(Crossing, ATimeSpanIsSpelledAsInPython) {
  using std::chrono::milliseconds;
  const auto key = [](milliseconds span) {
    return ModelCheckpoint({.train_time_interval = span}).state_key();
  };
  for (const auto& [span, text] : std::vector<std::pair<int64_t, std::string>>{
           {86'400'000, "days=1"},
           {1'500, "seconds=1, microseconds=500000"},
           {90'000'250, "days=1, seconds=3600, microseconds=250000"},
           {60'000, "seconds=60"},
           {1, "microseconds=1000"}}) {
    EXPECT_THAT(key(milliseconds(span)),
                ::testing::EndsWith("'train_time_interval': datetime.timedelta(" + text + ")}"));
  }
}

TEST_F(Crossing, OnExceptionCheckpointAloneIsEnough) {
  TrainerOptions options;
  options.enable_progress_bar = options.enable_model_summary = false;
  options.logger = false;
  options.callbacks = {callback<OnExceptionCheckpoint>({.dirpath = folder_.path()})};
  Trainer trainer(options);
  EXPECT_EQ(trainer.find_callback<ModelCheckpoint>(), nullptr);
}

TEST_F(Crossing, HyperparametersHaveTheNameOfTheirArgument) {
  class Named : public Line {
   public:
    explicit Named(const std::string& name) {
      if (name.empty()) {
        save_hyperparameters({{"width", 3}});
      } else {
        save_hyperparameters({{"width", 3}}, /*logger=*/true, name);
      }
    }
  };
  for (const std::string name : {"", "hparams"}) {
    Trainer trainer(quiet({.max_epochs = 1}));
    trainer.fit(std::make_shared<Named>(name), numbers(1));
    trainer.save_checkpoint(file("x.ckpt"));
    EXPECT_EQ(read_checkpoint(file("x.ckpt")).at("hparams_name").as_string(),
              name.empty() ? "kwargs" : name);
  }
}

TEST_F(Crossing, ScoresAreTensors) {
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line& line, const Batch&, int64_t, const torch::Tensor& loss) {
    line.log("loss", loss.detach(), {.on_step = false, .on_epoch = true});
  };
  const auto keeps = callback<ModelCheckpoint>({.dirpath = folder_.path(), .monitor = "loss"});
  const auto stops = callback<EarlyStopping>({.monitor = "loss"});
  Trainer trainer(quiet({.callbacks = {stops, keeps}, .max_epochs = 2}));
  trainer.fit(module, numbers(2));
  const Dict checkpoint = read_checkpoint(keeps->best_model_path());
  const Dict& callbacks = checkpoint.at("callbacks").as_dict();
  const Dict& best = callbacks.at(keeps->state_key()).as_dict();
  for (const char* name : {"best_model_score", "current_score", "kth_value"}) {
    ASSERT_TRUE(best.at(name).is<torch::Tensor>()) << name;
    EXPECT_EQ(best.at(name).as_tensor().dim(), 0) << name;
    EXPECT_EQ(best.at(name).as_tensor().item<double>(), *keeps->best_model_score()) << name;
  }
  const auto& [path, score] = *best.at("best_k_models").as_dict().begin();
  EXPECT_EQ(path.as_string(), keeps->best_model_path().string());
  EXPECT_EQ(score.as_tensor().item<double>(), *keeps->best_model_score());
  const Dict& stopping = callbacks.at(stops->state_key()).as_dict();
  EXPECT_EQ(stopping.at("best_score").as_tensor().dim(), 0);
  EXPECT_TRUE(stopping.at("stopping_reason_message").is_none());
}

TEST_F(Crossing, TheFolderThatNobodyNamedIsSpelledAsItWasGiven) {
  const auto dirpath_with = [&](const fs::path& root, const fs::path& dirpath) {
    const auto keeps = callback<ModelCheckpoint>({.dirpath = dirpath});
    Trainer trainer(quiet({.callbacks = {keeps}, .max_epochs = 1, .default_root_dir = root}));
    trainer.fit(std::make_shared<Line>(), numbers(1));
    return read_checkpoint(keeps->best_model_path())
        .at("callbacks")
        .as_dict()
        .at(keeps->state_key())
        .as_dict()
        .at("dirpath")
        .as_string();
  };
  const fs::path real = fs::canonical(folder_.path());
  fs::create_directory(real / "folder");
  fs::create_directory_symlink(real / "folder", real / "link");
  EXPECT_EQ(dirpath_with(real / "link", {}), (real / "link" / "checkpoints").string());
  EXPECT_EQ(dirpath_with({}, real / "link"), (real / "folder").string());
  EXPECT_EQ(dirpath_with({}, (real / "link" / "").string()), (real / "folder").string());
}

// --- What Lightning's counters say --------------------------------------------------------------

TEST_F(Crossing, BetweenTwoEpochsIsWhereNothingHasBegun) {
  const auto from = [&](const Dict& epochs, const Dict& batches, int64_t step) {
    write_counters({{"epoch_progress", epochs}, {"epoch_loop.batch_progress", batches}}, step);
    return batches_after();
  };
  const auto of_epoch = [](int64_t epoch, int64_t first) {
    std::vector<std::pair<int64_t, int64_t>> batches;
    for (int64_t i = first; i < 4; ++i) batches.emplace_back(epoch, i);
    return batches;
  };
  const auto and_then = [](auto batches, const auto& more) {
    batches.insert(batches.end(), more.begin(), more.end());
    return batches;
  };
  const auto two = and_then(of_epoch(1, 0), of_epoch(2, 0));
  // save_checkpoint() after a fit, also one that max_steps has cut short.
  EXPECT_EQ(from(counter(1, 1, 1), batch_counter(4, 4, 4, true), 4), two);
  EXPECT_EQ(from(counter(1, 1, 1), batch_counter(3, 3, 3, false), 3), two);
  // In on_train_epoch_end, and in on_train_batch_end of the last batch.
  EXPECT_EQ(from(counter(1, 1, 0), batch_counter(4, 4, 4, true), 4), two);
  EXPECT_EQ(from(counter(1, 0, 0), batch_counter(4, 4, 3, true), 4), two);
  // In on_train_batch_end, and after a failure in the next batch.
  const auto half = and_then(of_epoch(0, 2), two);
  EXPECT_EQ(from(counter(1, 0, 0), batch_counter(2, 2, 1, false), 2), half);
  EXPECT_EQ(from(counter(1, 0, 0), batch_counter(3, 2, 2, false), 2), half);
  // Without any counters, as before there were these.
  write_counters({}, 0);
  EXPECT_EQ(batches_after(), and_then(of_epoch(0, 0), two));
}

TEST_F(Crossing, AFailedValidationRunsAgain) {
  Dict counters{{"epoch_progress", counter(1, 0, 0)},
                {"epoch_loop.batch_progress", batch_counter(4, 4, 4, true)},
                {"epoch_loop.val_loop.batch_progress", batch_counter(2, 1, 1, false)}};
  const auto validations = [&] {
    write_counters(counters, 4);
    std::vector<int64_t> epochs;
    const auto module = std::make_shared<Line>();
    module->on_validation = [&](Line& line, const Batch&, int64_t, int64_t) {
      epochs.push_back(line.current_epoch());
    };
    Trainer trainer(quiet({.max_epochs = 2, .num_sanity_val_steps = 0}));
    trainer.fit(module, numbers(4), numbers(1), {.ckpt_path = file("theirs.ckpt")});
    EXPECT_EQ(module->batches.size(), 4);
    return epochs;
  };
  EXPECT_THAT(validations(), ElementsAre(0, 1));
  counters.set("epoch_loop.val_loop.batch_progress", batch_counter(3, 3, 3, true));
  EXPECT_THAT(validations(), ElementsAre(1)) << "it was over";
}

TEST_F(Crossing, ShorterStatesAreTaken) {
  const auto keeps = callback<ModelCheckpoint>({.dirpath = folder_.path(), .save_top_k = 1});
  Trainer trainer(quiet({.callbacks = {keeps}, .max_epochs = 1}));
  trainer.fit(std::make_shared<Line>(), numbers(2));
  Dict checkpoint = read_checkpoint(keeps->best_model_path());
  Dict callbacks;
  callbacks.set(keeps->state_key(), Dict{{"best_model_score", Value()},
                                         {"best_model_path", keeps->best_model_path().string()}});
  checkpoint.set("callbacks", callbacks);
  course::write_torch_file(file("short.ckpt"), checkpoint);
  const auto again = callback<ModelCheckpoint>({.dirpath = folder_.path(), .save_top_k = 1});
  Trainer second(quiet({.callbacks = {again}, .max_epochs = 2}));
  second.fit(std::make_shared<Line>(), numbers(2), {}, {.ckpt_path = file("short.ckpt")});
  EXPECT_EQ(second.global_step(), 4);
}

TEST_F(Crossing, StatesOfPythonsSchedulersAreTaken) {
  const auto optimizer = [] {
    return std::make_shared<torch::optim::SGD>(std::vector{torch::ones({1})}, 0.1);
  };
  const auto sgd = optimizer();
  ReduceLROnPlateau plateau(sgd);  // before its first step, on torch 1.13
  plateau.load_state_dict(
      {{"best", 0.5}, {"num_bad_epochs", 2}, {"cooldown_counter", 0}, {"last_epoch", 0}});
  EXPECT_EQ(plateau.state_dict().at("num_bad_epochs").as_int(), 2);
  EXPECT_THAT(plateau.get_last_lr(), ElementsAre(0.1));

  const auto warm = optimizer();
  const auto first = std::make_shared<LinearLR>(warm, LinearLROptions{.total_iters = 2});
  const auto second = std::make_shared<ExponentialLR>(warm, 0.5);
  SequentialLR both(warm, {first, second}, {2});
  const auto rates = [](double rate, int64_t epoch) {
    return Dict{{"base_lrs", List{0.1}}, {"last_epoch", epoch}, {"_last_lr", List{rate}}};
  };
  both.load_state_dict({{"_milestones", List{2}},
                        {"last_epoch", 1},
                        {"_last_lr", List{0.05}},
                        {"_schedulers", List{rates(0.05, 1), rates(0.1, -1)}}});
  EXPECT_EQ(both.last_epoch(), 1);
  both.step();
  EXPECT_THAT(both.get_last_lr(), ElementsAre(0.1));
  both.step();
  EXPECT_THAT(both.get_last_lr(), ElementsAre(0.05));
}

TEST_F(Crossing, GroupsHoldWhatPythonsSchedulersKeepThere) {
  const auto sgd = std::make_shared<torch::optim::SGD>(std::vector{torch::ones({1})},
                                                       torch::optim::SGDOptions(0.1).momentum(0.9));
  const OneCycleLR cycle(sgd, {.max_lr = 0.5, .total_steps = 10});
  const Dict group = cycle.in_param_groups().at(0);
  EXPECT_EQ(group.at("initial_lr").as_double(), 0.02);
  EXPECT_EQ(group.at("max_lr").as_double(), 0.5);
  EXPECT_DOUBLE_EQ(group.at("min_lr").as_double(), 2e-6);
  EXPECT_EQ(group.at("max_momentum").as_double(), 0.95);
  EXPECT_EQ(group.at("base_momentum").as_double(), 0.85);
}

// A checkpoint that was saved between two epochs counts the batches before it once.
TEST_F(Crossing, BatchesAcrossEpochsAreCountedOnAfterASave) {
  const auto validated = [&](int64_t epochs, const std::string& from) {
    const auto module = std::make_shared<Line>();
    TrainerOptions options = quiet({.max_epochs = epochs, .num_sanity_val_steps = 0});
    options.val_check_interval = int64_t{3};
    options.check_val_every_n_epoch.reset();
    Trainer trainer(options);
    trainer.fit(module, numbers(4), numbers(1), {.ckpt_path = from});
    trainer.save_checkpoint(file("after.ckpt"));
    return module->validated_at;
  };
  EXPECT_THAT(validated(3, ""), ElementsAre(3, 6, 9, 12));
  EXPECT_THAT(validated(1, ""), ElementsAre(3));
  EXPECT_THAT(validated(3, file("after.ckpt")), ElementsAre(6, 9, 12));
}

}  // namespace
}  // namespace lit
