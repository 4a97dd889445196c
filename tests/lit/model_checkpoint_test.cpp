// ModelCheckpoint and OnExceptionCheckpoint: which files there are after a run, by Lightning's
// numbers.
#include <sys/resource.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "../common/temporary_folder.h"
#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/checkpoint.h"
#include "remove_tree.h"
#include "serialize/torch_file.h"
#include "testing.h"

namespace lit {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Line;
using testing::MemoryLogger;
using testing::Messages;
using testing::numbers;
using testing::quiet;
using ::testing::UnorderedElementsAre;

class CheckpointTest : public ::testing::Test {
 protected:
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    if (!fs::exists(folder_)) return names;
    for (const auto& entry : fs::recursive_directory_iterator(folder_)) {
      if (!entry.is_directory()) names.push_back(fs::relative(entry.path(), folder_).string());
    }
    return names;
  }
  // One epoch of two batches for each value of the metric m; afterwards the files that are there.
  std::vector<std::string> files_of(const std::vector<double>& values,
                                    ModelCheckpointOptions options, TrainerOptions trainer = {}) {
    if (options.dirpath.empty()) options.dirpath = folder_;
    checkpoint_ = callback<ModelCheckpoint>(options);
    trainer.callbacks = {checkpoint_};
    trainer.max_epochs = static_cast<int64_t>(values.size());
    Trainer run(quiet(std::move(trainer)));
    const auto module = std::make_shared<Line>();
    module->on_epoch_end = [&](Line& self) {
      self.log("m", values[static_cast<size_t>(self.current_epoch())]);
    };
    run.fit(module, numbers(2));
    return files();
  }

  const course::testing::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path() / "run";
  std::shared_ptr<ModelCheckpoint> checkpoint_;
  Messages messages_;
};
using TopK = CheckpointTest;
using Triggers = CheckpointTest;
using Names = CheckpointTest;
using Last = CheckpointTest;
using OnException = CheckpointTest;
using Options = CheckpointTest;

// --- Which are kept -----------------------------------------------------------------------------

const std::vector<double> kValues{10, 9, 2.8, 5, 2.5};

TEST_F(TopK, KeepsTheBest) {
  EXPECT_THAT(files_of(kValues, {.monitor = "m"}), ElementsAre("epoch=4-step=10.ckpt"));
  EXPECT_EQ(checkpoint_->best_model_path(), folder_ / "epoch=4-step=10.ckpt");
  EXPECT_EQ(checkpoint_->best_model_score(), 2.5);
}

TEST_F(TopK, KeepsTheBestTwo) {
  EXPECT_THAT(files_of(kValues, {.monitor = "m", .save_top_k = 2}),
              UnorderedElementsAre("epoch=2-step=6.ckpt", "epoch=4-step=10.ckpt"));
  EXPECT_EQ(checkpoint_->kth_best_model_path(), folder_ / "epoch=2-step=6.ckpt");
  EXPECT_EQ(checkpoint_->kth_value(), 2.8);
  EXPECT_EQ(checkpoint_->current_score(), 2.5);
}

TEST_F(TopK, KeepsTheBestThree) {
  EXPECT_THAT(
      files_of(kValues, {.monitor = "m", .save_top_k = 3}),
      UnorderedElementsAre("epoch=2-step=6.ckpt", "epoch=3-step=8.ckpt", "epoch=4-step=10.ckpt"));
}

TEST_F(TopK, KeepsAll) {
  EXPECT_EQ(files_of(kValues, {.monitor = "m", .save_top_k = -1}).size(), 5);
  EXPECT_EQ(checkpoint_->best_k_models().size(), 5);
  EXPECT_EQ(checkpoint_->best_model_score(), 2.5);
}

TEST_F(TopK, KeepsNone) {
  EXPECT_THAT(files_of(kValues, {.monitor = "m", .save_top_k = 0}), IsEmpty());
}

TEST_F(TopK, MoreIsBetter) {
  EXPECT_THAT(files_of(kValues, {.monitor = "m", .save_top_k = 2, .mode = "max"}),
              UnorderedElementsAre("epoch=0-step=2.ckpt", "epoch=1-step=4.ckpt"));
}

TEST_F(TopK, EqualOnesDoNotReplace) {
  EXPECT_THAT(files_of({5, 5, 5}, {.monitor = "m"}), ElementsAre("epoch=0-step=2.ckpt"));
  course::remove_tree(folder_);
  EXPECT_THAT(files_of({5, 5, 5}, {.monitor = "m", .save_top_k = 2}),
              UnorderedElementsAre("epoch=0-step=2.ckpt", "epoch=1-step=4.ckpt"));
  EXPECT_EQ(checkpoint_->kth_best_model_path(), folder_ / "epoch=0-step=2.ckpt");
}

TEST_F(TopK, NaNIsTheWorst) {
  EXPECT_THAT(files_of({NAN, 3, 4}, {.monitor = "m"}), ElementsAre("epoch=1-step=4.ckpt"));
  course::remove_tree(folder_);
  EXPECT_THAT(files_of({3, NAN}, {.monitor = "m"}), ElementsAre("epoch=0-step=2.ckpt"));
}

TEST_F(TopK, WithoutAMonitorTheNewest) {
  EXPECT_THAT(files_of(kValues, {}), ElementsAre("epoch=4-step=10.ckpt"));
  EXPECT_EQ(checkpoint_->best_model_score(), std::nullopt);
  course::remove_tree(folder_);
  EXPECT_EQ(files_of(kValues, {.save_top_k = -1}).size(), 5);
  EXPECT_EQ(checkpoint_->best_model_path(), folder_ / "epoch=4-step=10.ckpt");
}

TEST_F(TopK, AMonitorThatIsNotThere) {
  EXPECT_THAT(files_of({1}, {.monitor = "other"}), IsEmpty());
  EXPECT_THAT(messages_.warnings, Contains(AllOf(HasSubstr("monitors other"), HasSubstr(" m"))));
  const auto check = callback<ModelCheckpoint>({.dirpath = folder_, .monitor = "other"});
  Trainer trainer(quiet({.callbacks = {check}, .max_epochs = 1}));
  EXPECT_THAT(error_of([&] { trainer.fit(std::make_shared<Line>(), numbers(1), numbers(1)); }),
              HasSubstr("monitors other, which was not logged"));
}

// --- When ---------------------------------------------------------------------------------------

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

TEST_F(Triggers, EveryFewSteps) {
  EXPECT_THAT(sorted(files_of({1, 1, 1, 1, 1}, {.save_top_k = -1, .every_n_train_steps = 3})),
              ElementsAre("epoch=1-step=3.ckpt", "epoch=2-step=6.ckpt", "epoch=4-step=9.ckpt"));
}

TEST_F(Triggers, EveryFewEpochs) {
  EXPECT_THAT(sorted(files_of({1, 1, 1, 1, 1}, {.save_top_k = -1, .every_n_epochs = 2})),
              ElementsAre("epoch=1-step=4.ckpt", "epoch=3-step=8.ckpt"));
  course::remove_tree(folder_);
  EXPECT_THAT(files_of({1, 1}, {.every_n_epochs = 0}), IsEmpty());
}

TEST_F(Triggers, AfterTime) {
  EXPECT_EQ(
      files_of({1, 1}, {.save_top_k = -1, .train_time_interval = std::chrono::milliseconds(0)})
          .size(),
      4);
  course::remove_tree(folder_);
  EXPECT_THAT(files_of({1, 1}, {.train_time_interval = std::chrono::hours(1)}), IsEmpty());
}

TEST_F(Triggers, AfterEachValidation) {
  const auto run = [&](TrainerOptions options, ModelCheckpointOptions checkpoint, int64_t batches) {
    checkpoint.dirpath = folder_;
    checkpoint.save_top_k = -1;
    options.callbacks = {callback<ModelCheckpoint>(checkpoint)};
    Trainer trainer(quiet(std::move(options)));
    const auto module = std::make_shared<Line>();
    module->on_validation = [](Line& self, auto&&...) { self.log("v", self.weight()); };
    trainer.fit(module, numbers(batches), numbers(1));
    const auto names = sorted(files());
    course::remove_tree(folder_);
    return names;
  };
  EXPECT_THAT(
      run({.max_epochs = 1, .val_check_interval = .2}, {.filename = "{step}"}, 10),
      ElementsAre("step=10.ckpt", "step=2.ckpt", "step=4.ckpt", "step=6.ckpt", "step=8.ckpt"));
  EXPECT_THAT(run({.max_epochs = 5, .check_val_every_n_epoch = 2}, {}, 3),
              ElementsAre("epoch=1-step=6.ckpt", "epoch=3-step=12.ckpt"));
  // By steps, with a metric that the validation behind the last batch is about to log.
  EXPECT_THAT(run({.max_epochs = 2},
                  {.filename = "{step}-{v:.2f}", .monitor = "v", .every_n_train_steps = 2}, 2),
              ElementsAre("step=2-v=0.70.ckpt", "step=4-v=0.40.ckpt"));
  EXPECT_THAT(
      run({.max_epochs = 1, .val_check_interval = .5}, {.save_on_train_epoch_end = true}, 4),
      ElementsAre("epoch=0-step=4.ckpt"));
}

TEST_F(Triggers, NeverWithoutATrainedStep) {
  EXPECT_THAT(files_of({1}, {}, {.limit_train_batches = 0}), IsEmpty());
  EXPECT_THAT(files_of({1}, {}, {.fast_dev_run = 1}), IsEmpty());
}

TEST_F(Triggers, OnByDefault) {
  const fs::path before = fs::current_path();
  fs::create_directories(folder_);
  TrainerOptions options{.accelerator = "cpu", .max_epochs = 2, .limit_val_batches = 0};
  options.enable_progress_bar = options.enable_model_summary = false;
  options.default_root_dir = folder_;
  Trainer trainer(options);
  trainer.fit(std::make_shared<Line>(), numbers(2));
  EXPECT_THAT(files(),
              ::testing::Contains("lightning_logs/version_0/checkpoints/epoch=1-step=4.ckpt"));
  course::remove_tree(folder_);
  options.logger = false;
  Trainer(options).fit(std::make_shared<Line>(), numbers(2));
  EXPECT_THAT(files(), ElementsAre("checkpoints/epoch=1-step=4.ckpt"));
  EXPECT_EQ(fs::current_path(), before);
  options.enable_checkpointing = false;
  options.callbacks = {callback<ModelCheckpoint>()};
  EXPECT_THAT(error_of([&] { Trainer contradiction(options); }),
              HasSubstr("enable_checkpointing is false"));
}

// --- Names --------------------------------------------------------------------------------------

TEST_F(Names, Templates) {
  const LoggedMetrics metrics{
      {"epoch", int64_t{3}}, {"step", int64_t{12}}, {"acc", 0.1f}, {"val/loss", 2.0}};
  const auto name = [&](ModelCheckpointOptions options) {
    return ModelCheckpoint(std::move(options)).format_checkpoint_name(metrics).string();
  };
  EXPECT_EQ(name({}), "epoch=3-step=12.ckpt");
  EXPECT_EQ(name({.filename = "{epoch:02d}-{acc:.2f}"}), "epoch=03-acc=0.10.ckpt");
  EXPECT_EQ(name({.filename = "{acc}"}), "acc=0.10000000149011612.ckpt");
  EXPECT_EQ(name({.filename = "{val/loss}"}), "val/loss=2.0.ckpt");
  EXPECT_EQ(name({.filename = "best-{val/loss:.1f}", .auto_insert_metric_name = false}),
            "best-2.0.ckpt");
  EXPECT_EQ(name({.filename = "{unknown}-{unknown:.1f}"}), "unknown=0-unknown=0.0.ckpt");
  EXPECT_EQ(name({.filename = "plain"}), "plain.ckpt");
  EXPECT_THAT(error_of([&] { name({.filename = "{acc:d}"}); }), HasSubstr("{acc:d}"));
  EXPECT_THAT(error_of([&] { name({.filename = "{acc"}); }), HasSubstr("not closed"));
}

TEST_F(Names, AWholeNumberTakesAFormatForOne) {
  const auto name = [](const std::string& filename, double value) {
    return ModelCheckpoint({.filename = filename})
        .format_checkpoint_name({{"epoch_test", value}})
        .string();
  };
  EXPECT_EQ(name("{epoch_test:03d}", 3), "epoch_test=003.ckpt");
  EXPECT_EQ(name("{epoch_test:x}", 255), "epoch_test=ff.ckpt");
  EXPECT_EQ(name("{epoch_test:05.1f}", 3), "epoch_test=003.0.ckpt");
  EXPECT_THAT(error_of([&] { name("{epoch_test:03d}", 3.5); }), HasSubstr("no format"));
}

TEST_F(Names, ThatAreTakenGetAVersion) {
  EXPECT_THAT(sorted(files_of({1, 1, 1}, {.filename = "model", .monitor = "m", .save_top_k = -1})),
              ElementsAre("model-v1.ckpt", "model-v2.ckpt", "model.ckpt"));
  course::remove_tree(folder_);
  EXPECT_THAT(
      files_of({1, 1, 1}, {.filename = "model", .save_top_k = -1, .enable_version_counter = false}),
      ElementsAre("model.ckpt"));
  course::remove_tree(folder_);
  EXPECT_THAT(files_of({1, 1, 1}, {.filename = "model"}), ElementsAre("model.ckpt"))
      << "the one that is replaced is no obstacle";
}

// --- The last one -------------------------------------------------------------------------------

int64_t step_of(const fs::path& path) {
  return course::read_torch_file(path).as_dict().at("global_step").as_int();
}

TEST_F(Last, BesideTheBest) {
  EXPECT_THAT(sorted(files_of({1, 2, 3}, {.monitor = "m", .save_last = SaveLast::yes})),
              ElementsAre("epoch=0-step=2.ckpt", "last.ckpt"));
  EXPECT_EQ(step_of(folder_ / "last.ckpt"), 6)
      << "at every opportunity; Lightning: 2, with the best";
  EXPECT_THAT(sorted(files_of({1, 1}, {.save_last = SaveLast::yes})), Contains("last-v1.ckpt"));
}

TEST_F(Last, OfEverySecondEpoch) {
  files_of({1, 1, 1}, {.save_last = SaveLast::yes, .every_n_epochs = 2});
  EXPECT_EQ(step_of(folder_ / "last.ckpt"), 4);
}

TEST_F(Last, AtTheEndIfThereIsNothingElse) {
  EXPECT_THAT(files_of({1, 1}, {.save_last = SaveLast::yes, .save_top_k = 0}),
              ElementsAre("last.ckpt"));
  EXPECT_EQ(step_of(folder_ / "last.ckpt"), 4);
}

TEST_F(Last, AsALink) {
  files_of({1, 1}, {.save_last = SaveLast::link});
  EXPECT_TRUE(fs::is_symlink(folder_ / "last.ckpt"));
  EXPECT_EQ(fs::read_symlink(folder_ / "last.ckpt"), "epoch=1-step=4.ckpt");
  EXPECT_EQ(step_of(folder_ / "last.ckpt"), 4);
}

// --- Deletion and state -------------------------------------------------------------------------

TEST_F(TopK, LeavesTheFileThatTheRunGoesOnFrom) {
  files_of({1}, {});
  const fs::path first = folder_ / "epoch=0-step=2.ckpt";
  const auto checkpoint = callback<ModelCheckpoint>({.dirpath = folder_});
  Trainer trainer(quiet({.callbacks = {checkpoint}, .max_epochs = 3, .limit_val_batches = 0}));
  trainer.fit(std::make_shared<Line>(), numbers(2), {}, {.ckpt_path = first});
  EXPECT_THAT(sorted(files()), ElementsAre("epoch=0-step=2.ckpt", "epoch=2-step=6.ckpt"));
  EXPECT_EQ(trainer.ckpt_path(), first);
}

TEST_F(TopK, LeavesFilesElsewhereAlone) {
  files_of({2}, {.monitor = "m"});
  const course::Dict state = checkpoint_->state_dict();
  const auto other = callback<ModelCheckpoint>({.dirpath = folder_ / "other", .monitor = "m"});
  other->load_state_dict(state);
  EXPECT_EQ(other->best_model_path(), folder_ / "epoch=0-step=2.ckpt");
  EXPECT_TRUE(other->best_k_models().empty());
  EXPECT_THAT(messages_.warnings, Contains(HasSubstr("only best_model_path")));
}

TEST_F(TopK, LoggersAreTold) {
  class Keeper : public MemoryLogger {
   public:
    void after_save_checkpoint(const ModelCheckpoint& checkpoint) override {
      EXPECT_TRUE(fs::exists(checkpoint.best_model_path()));
      ++saved;
    }
    int saved = 0;
  };
  const auto logger = std::make_shared<Keeper>();
  files_of({3, 4, 2}, {.monitor = "m"}, {.logger = {logger}});
  EXPECT_EQ(logger->saved, 2);
}

TEST_F(TopK, ItsStateIsInItsFile) {
  files_of({2, 1}, {.monitor = "m"});
  const course::Value file = course::read_torch_file(checkpoint_->best_model_path());
  const course::Dict& state =
      file.as_dict()
          .at("callbacks")
          .as_dict()
          .at("ModelCheckpoint{'monitor': 'm', 'mode': 'min', 'every_n_train_steps': 0, "
              "'every_n_epochs': 1, 'train_time_interval': None}")
          .as_dict();
  EXPECT_EQ(state.at("best_model_path").as_string(), checkpoint_->best_model_path().string());
  EXPECT_EQ(state.at("best_model_score").as_tensor().item<double>(), 1);
  ModelCheckpoint again({.dirpath = folder_, .monitor = "m"});
  EXPECT_EQ(again.state_key(), checkpoint_->state_key());
  checkpoint_->to_yaml();
  std::ifstream yaml(folder_ / "best_k_models.yaml");
  std::string line;
  std::getline(yaml, line);
  EXPECT_EQ(line, checkpoint_->best_model_path().string() + ": 1");
}

// A file that may not grow is what a full disk is: the write fails in its middle.
TEST_F(TopK, AFullDiskLosesNothing) {
  files_of({2}, {.monitor = "m"});
  const fs::path first = checkpoint_->best_model_path();
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{4000, before.rlim_max};
  const auto handler = signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const std::string sentence =
      error_of([&] { files_of({1}, {.filename = "new", .monitor = "m"}); });
  setrlimit(RLIMIT_FSIZE, &before);
  signal(SIGXFSZ, handler);
  EXPECT_THAT(sentence, AllOf(HasSubstr("new.ckpt could not be written"),
                              HasSubstr("what was there before is unchanged")));
  EXPECT_THAT(files(), ElementsAre("epoch=0-step=2.ckpt")) << "and nothing half-written";
  EXPECT_EQ(step_of(first), 2);
}

TEST_F(TopK, AnOptimizerThatCannotBeKeptDoesNotEndTheRun) {
  class ByLbfgs : public Line {
   public:
    Optimizers configure_optimizers() override {
      return std::make_shared<torch::optim::LBFGS>(parameters());
    }
  };
  const auto run = [&](const std::string& from) {
    Trainer trainer(quiet({.callbacks = {callback<ModelCheckpoint>({.dirpath = folder_})},
                           .max_epochs = 2,
                           .limit_val_batches = 0}));
    trainer.fit(std::make_shared<ByLbfgs>(), numbers(1), {}, {.ckpt_path = from});
  };
  run("");
  EXPECT_THAT(messages_.warnings, Contains(HasSubstr("no run can go on from them")));
  EXPECT_THAT(error_of([&] { run(folder_ / "epoch=1-step=2.ckpt"); }),
              HasSubstr("without the optimizer's state"));
}

// --- Exceptions -------------------------------------------------------------------------------

std::shared_ptr<Line> failing_at(int64_t step) {
  const auto module = std::make_shared<Line>();
  module->on_step = [step](Line& self, auto&&...) {
    if (self.global_step() == step) throw Error("no more");
  };
  return module;
}

TEST_F(OnException, ModelCheckpointSavesIfItIsToldTo) {
  const auto checkpoint = callback<ModelCheckpoint>(
      {.dirpath = folder_, .save_last = SaveLast::yes, .save_on_exception = true});
  Trainer trainer(quiet({.callbacks = {checkpoint}, .max_epochs = 1, .limit_val_batches = 0}));
  EXPECT_EQ(error_of([&] { trainer.fit(failing_at(3), numbers(5)); }), "no more");
  EXPECT_THAT(sorted(files()), ElementsAre("epoch=0-step=3.ckpt", "last.ckpt"));
  EXPECT_TRUE(checkpoint->best_k_models().empty());
}

TEST_F(OnException, TheNextFitGoesOnByItself) {
  const auto make = [&] {
    return quiet({.callbacks = {callback<OnExceptionCheckpoint>({.dirpath = folder_})},
                  .max_epochs = 2,
                  .limit_val_batches = 0,
                  .enable_checkpointing = false});
  };
  Trainer first(make());
  EXPECT_EQ(error_of([&] { first.fit(failing_at(3), numbers(5)); }), "no more");
  EXPECT_THAT(files(), ElementsAre("on_exception.ckpt"));
  Trainer second(make());
  const auto module = std::make_shared<Line>();
  second.fit(module, numbers(5));
  EXPECT_THAT(module->batches, ElementsAre(3, 4, 0, 1, 2, 3, 4)) << "the batch that failed is done";
  EXPECT_EQ(second.global_step(), 10);
  EXPECT_THAT(files(), IsEmpty()) << "it is not needed any more";
}

// The last batch of an epoch, in the middle of a window: it is done, and so is what follows it.
TEST_F(OnException, InTheLastBatch) {
  const auto fit = [&](const std::shared_ptr<Line>& module, bool interrupted) {
    Trainer trainer(quiet({.callbacks = {callback<OnExceptionCheckpoint>({.dirpath = folder_})},
                           .max_epochs = 1,
                           .num_sanity_val_steps = 0,
                           .enable_checkpointing = false,
                           .accumulate_grad_batches = 3}));
    if (interrupted) {
      EXPECT_EQ(error_of([&] { trainer.fit(module, numbers(5), numbers(1)); }), "no more");
    } else {
      trainer.fit(module, numbers(5), numbers(1));
    }
    return module->weight();
  };
  const double straight = fit(std::make_shared<Line>(), false);
  const auto failing = std::make_shared<Line>();
  failing->on_step = [](Line&, const Batch&, int64_t batch_idx, auto&&...) {
    if (batch_idx == 4) throw Error("no more");
  };
  fit(failing, true);
  const auto again = std::make_shared<Line>();
  EXPECT_EQ(fit(again, false), straight);
  EXPECT_THAT(again->batches, ElementsAre(4));
  EXPECT_EQ(again->validated_at.size(), 1);
}

TEST_F(OnException, CtrlCLeavesACheckpoint) {
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line& self, auto&&...) {
    if (self.global_step() == 2) raise(SIGINT);
  };
  Trainer trainer(quiet({.callbacks = {callback<OnExceptionCheckpoint>({.dirpath = folder_})},
                         .max_epochs = 1,
                         .limit_val_batches = 0,
                         .enable_checkpointing = false}));
  EXPECT_THROW(trainer.fit(module, numbers(5)), Interrupted);
  EXPECT_EQ(step_of(folder_ / "on_exception.ckpt"), 3);
  const auto again = std::make_shared<Line>();
  Trainer second(quiet({.callbacks = {callback<OnExceptionCheckpoint>({.dirpath = folder_})},
                        .max_epochs = 1,
                        .limit_val_batches = 0,
                        .enable_checkpointing = false}));
  second.fit(again, numbers(5));
  EXPECT_THAT(again->batches, ElementsAre(3, 4));
  EXPECT_NEAR(again->weight(), 1 - 0.1 * 15, 1e-6);
}

TEST_F(OnException, WhatCannotBeWrittenDoesNotHideTheException) {
  fs::create_directories(folder_ / "on_exception.ckpt");  // a folder of that name
  Trainer trainer(quiet({.callbacks = {callback<OnExceptionCheckpoint>({.dirpath = folder_})},
                         .max_epochs = 1,
                         .limit_val_batches = 0,
                         .enable_checkpointing = false}));
  EXPECT_NE(error_of([&] { trainer.fit(failing_at(1), numbers(5)); }), "");
  EXPECT_THAT(error_of([] { OnExceptionCheckpoint({.dirpath = "x", .filename = ""}); }),
              HasSubstr("filename"));
}

// --- Options ------------------------------------------------------------------------------------

TEST_F(Options, ThatMakeNoSense) {
  const auto sentence = [](ModelCheckpointOptions options) {
    return error_of([&] { ModelCheckpoint checkpoint(std::move(options)); });
  };
  EXPECT_THAT(sentence({.save_top_k = -2}), HasSubstr("save_top_k of ModelCheckpoint is -2"));
  EXPECT_THAT(sentence({.mode = "low"}), HasSubstr("\"low\""));
  EXPECT_THAT(sentence({.every_n_train_steps = -1}), HasSubstr("every_n_train_steps"));
  EXPECT_THAT(sentence({.every_n_train_steps = 1, .every_n_epochs = 1}),
              HasSubstr("more than one"));
  EXPECT_THAT(sentence({.save_top_k = 2}), HasSubstr("no monitor"));
  const auto one = callback<ModelCheckpoint>({.monitor = "m"});
  const auto same = callback<ModelCheckpoint>({.dirpath = "x", .monitor = "m"});
  EXPECT_THAT(error_of([&] {
                Trainer trainer(quiet({.callbacks = {one, same}}));
              }),
              HasSubstr("state_key"));
  Trainer both(quiet({.callbacks = {one, callback<ModelCheckpoint>({.monitor = "n"})}}));
}

}  // namespace
}  // namespace lit
