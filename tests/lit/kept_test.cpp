// What a run has kept: a run that resumes, fails, moves or ends loses nothing of it.
#include <malloc.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "../common/temporary_folder.h"
#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/html_report.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/callbacks/progress_bar.h"
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
using ::testing::Not;
using testing::numbers;
using ::testing::Pair;
using testing::quiet;

class Kept : public ::testing::Test {
 protected:
  // Every file of a folder with its bytes.
  static std::map<std::string, std::string> files_of(const fs::path& folder) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (!entry.is_regular_file()) continue;
      files[entry.path().lexically_relative(folder).string()] =
          course::testing::bytes_of(entry.path());
    }
    return files;
  }
  static std::vector<std::string> names_in(const fs::path& folder) {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : files_of(folder)) names.push_back(name);
    return names;
  }

  const course::testing::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
  Messages messages_;
};

// --- A run that is ended in the middle, and resumes --------------------------------------------

// A network of a width, trained with Adam and a schedule, unless it is told otherwise.
class Sized : public LightningModule {
 public:
  struct Options {
    int64_t width = 4;
    bool schedule = true, sgd = false;
    double lr = 0.01, weight_decay = 0;
  };
  explicit Sized(Options options) : options_(options) {
    net_ = register_module(
        "net", torch::nn::Sequential{torch::nn::Linear(2, options.width), torch::nn::Tanh(),
                                     torch::nn::Linear(options.width, 1)});
  }
  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    if (before_step) before_step(batch_idx);
    batches.push_back(batch_idx);
    const auto loss = torch::mse_loss(net_->forward(batch[0]), batch[1]);
    log("loss", loss, {.on_step = false, .on_epoch = true});
    return loss;
  }
  StepOutput validation_step(const Batch& batch, int64_t, int64_t) override {
    log("val_loss", torch::mse_loss(net_->forward(batch[0]), batch[1]));
    return {};
  }
  Optimizers configure_optimizers() override {
    std::shared_ptr<torch::optim::Optimizer> optimizer;
    if (options_.sgd) {
      optimizer = std::make_shared<torch::optim::SGD>(parameters(), options_.lr);
    } else {
      optimizer = std::make_shared<torch::optim::Adam>(
          parameters(), torch::optim::AdamOptions(options_.lr).weight_decay(options_.weight_decay));
    }
    if (!options_.schedule) return OptimizerConfig{.optimizer = optimizer};
    return OptimizerConfig{.optimizer = optimizer,
                           .lr_scheduler = LRSchedulerConfig{
                               .scheduler = std::make_shared<StepLR>(optimizer, 1, 0.5)}};
  }
  std::vector<int64_t> batches;
  std::function<void(int64_t)> before_step;

 private:
  Options options_;
  torch::nn::Sequential net_{nullptr};
};

course::InMemoryLoader samples(int64_t batch_size, bool shuffle, int64_t n = 40) {
  const torch::Tensor x = torch::sin(torch::arange(n * 2, torch::kFloat32)).reshape({n, 2});
  return {x, x.sum(1, true), {.batch_size = batch_size, .shuffle = shuffle, .seed = 3}};
}

struct Resume {
  Sized::Options module = {};
  int64_t batch_size = 8, samples = 40;
  std::string from = "last";
};

// Five batches an epoch, four epochs. With `end_at` the run is ended by SIGTERM in that batch of
// the second epoch.
struct Ran {
  std::shared_ptr<Sized> module;
  int64_t global_step;
  torch::Tensor weights;
};

Ran run_in(const fs::path& folder, const Resume& resume, std::optional<int64_t> end_at = {}) {
  torch::manual_seed(1);
  const auto module = std::make_shared<Sized>(resume.module);
  Trainer* running = nullptr;
  module->before_step = [&](int64_t batch_idx) {
    if (end_at && running->current_epoch() == 1 && batch_idx == *end_at) raise(SIGTERM);
  };
  Trainer trainer(
      quiet({.callbacks = {callback<HtmlReport>({.path = folder / "report.html"}),
                           callback<ModelCheckpoint>({.dirpath = folder / "checkpoints",
                                                      .filename = "best",
                                                      .monitor = "val_loss",
                                                      .save_last = SaveLast::yes,
                                                      .save_on_exception = true,
                                                      .enable_version_counter = false}),
                           callback<OnExceptionCheckpoint>({.dirpath = folder / "checkpoints"})},
             .max_epochs = 4,
             .num_sanity_val_steps = 0}));
  running = &trainer;
  trainer.fit(module, samples(resume.batch_size, true, resume.samples), samples(8, false),
              {.ckpt_path = resume.from});
  return {module, trainer.global_step(),
          torch::nn::utils::parameters_to_vector(module->parameters()).detach()};
}

TEST_F(Kept, AResumeThatFailsTouchesNothing) {
  const Ran straight = run_in(folder_ / "straight", {});
  const fs::path run = folder_ / "run";
  EXPECT_THROW(run_in(run, {}, 3), Interrupted);
  EXPECT_TRUE(fs::exists(run / "checkpoints/on_exception.ckpt"));
  const auto kept = files_of(run);

  const auto refused = [&](const Resume& resume) {
    const std::string error = error_of([&] { run_in(run, resume); });
    EXPECT_EQ(kept, files_of(run)) << error;
    return error;
  };
  EXPECT_THAT(refused({.module = {.width = 8}}), HasSubstr("net.0.weight"));
  EXPECT_THAT(refused({.module = {.schedule = false}}), HasSubstr("schedulers"));
  EXPECT_THAT(refused({.module = {.sgd = true}}), HasSubstr("momentum"));
  EXPECT_THAT(refused({.batch_size = 20}),
              AllOf(HasSubstr("on_exception.ckpt"), HasSubstr("8 samples"), HasSubstr("20")));
  EXPECT_THAT(refused({.from = (folder_ / "none.ckpt").string()}), HasSubstr("none.ckpt"));

  const Ran resumed = run_in(run, {});
  EXPECT_THAT(resumed.module->batches, ElementsAre(4, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4));
  EXPECT_TRUE(torch::equal(resumed.weights, straight.weights));
  EXPECT_FALSE(fs::exists(run / "checkpoints/on_exception.ckpt")) << "it has served its purpose";
}

// A run of the Trainer's own: the error comes from a hook, before a batch was trained.
TEST_F(Kept, ARunThatNeverTrainedKeepsNothing) {
  for (const bool after_a_batch : {false, true}) {
    const auto module = std::make_shared<Line>();
    module->on_step = [&](Line&, const Batch&, int64_t batch_idx, auto&&...) {
      if (batch_idx == (after_a_batch ? 1 : 0)) throw Error("no");
    };
    Trainer trainer(quiet(
        {.callbacks = {callback<OnExceptionCheckpoint>({.dirpath = folder_}),
                       callback<ModelCheckpoint>({.dirpath = folder_, .save_on_exception = true})},
         .max_epochs = 1,
         .limit_val_batches = 0}));
    EXPECT_THAT(error_of([&] { trainer.fit(module, numbers(3)); }), "no");
    EXPECT_EQ(trainer.has_trained(), after_a_batch);
    if (!after_a_batch) {
      EXPECT_THAT(names_in(folder_), IsEmpty());
    }
  }
  EXPECT_THAT(names_in(folder_), ElementsAre("epoch=0-step=1.ckpt", "on_exception.ckpt"));
}

TEST_F(Kept, AFastDevRunLeavesOnExceptionCheckpointAlone) {
  const fs::path file = temporary_.write("on_exception.ckpt", "kept");
  Trainer trainer(quiet(
      {.callbacks = {callback<OnExceptionCheckpoint>({.dirpath = folder_})}, .fast_dev_run = 1}));
  trainer.fit(std::make_shared<Line>(), numbers(3), numbers(1));
  EXPECT_EQ(course::testing::bytes_of(file), "kept");
}

// --- Other batches than before -----------------------------------------------------------------

TEST_F(Kept, AnEpochThatIsOverGoesOnWithOtherBatches) {
  const fs::path run = folder_ / "run";
  // Written in the validation after the last batch: the epoch is over, its end is not.
  const auto saves = callback<LambdaCallback>({.on_validation_start = [&](Trainer& t, auto&) {
    if (t.current_epoch() == 1) t.save_checkpoint(folder_ / "over.ckpt");
  }});
  Trainer trainer(quiet({.callbacks = {saves}, .max_epochs = 2, .num_sanity_val_steps = 0}));
  trainer.fit(std::make_shared<Sized>(Sized::Options{}), samples(8, true), samples(8, false));
  const Ran resumed = run_in(run, {.batch_size = 20, .from = (folder_ / "over.ckpt").string()});
  EXPECT_THAT(resumed.module->batches, ElementsAre(0, 1, 0, 1));
  EXPECT_EQ(resumed.global_step, 14);
}

TEST_F(Kept, TheMiddleOfAnEpochNeedsTheSameBatches) {
  const auto saves = callback<LambdaCallback>(
      {.on_train_batch_end = [&](Trainer& t, auto&, const StepOutput&, const Batch&, int64_t i) {
        if (t.current_epoch() == 1 && i == 3) t.save_checkpoint(folder_ / "middle.ckpt");
      }});
  Trainer trainer(quiet({.callbacks = {saves}, .max_epochs = 2, .limit_val_batches = 0}));
  trainer.fit(std::make_shared<Sized>(Sized::Options{}), samples(8, true));
  const auto refused = [&](int64_t batch_size, int64_t n) {
    return error_of([&] {
      run_in(folder_ / "run",
             {.batch_size = batch_size, .samples = n, .from = (folder_ / "middle.ckpt").string()});
    });
  };
  EXPECT_THAT(refused(20, 40), AllOf(HasSubstr("middle.ckpt"), HasSubstr("4 batches of 8 samples"),
                                     HasSubstr("now have 20")));
  // Fewer samples in a batch: as many batches would be another place in the data.
  EXPECT_THAT(refused(4, 40), HasSubstr("now have 4"));
  EXPECT_THAT(refused(8, 48), AllOf(HasSubstr("40 samples"), HasSubstr("now 48")));
  // Version 0.1 kept the number of batches alone.
  course::Dict file = course::read_torch_file(folder_ / "middle.ckpt").as_dict();
  course::Dict loops = file.at("loops").as_dict(), loop = loops.at("fit_loop").as_dict(),
               own = loop.at("lit").as_dict();
  own.set("loader", course::Dict{{"epoch", 1}, {"position", 4}});
  loop.set("lit", own);
  loops.set("fit_loop", loop);
  file.set("loops", loops);
  course::write_torch_file(folder_ / "middle.ckpt", file);
  EXPECT_THAT(refused(20, 40),
              AllOf(HasSubstr("after 4 batches"), HasSubstr("only 2 of 20 samples")));
}

TEST_F(Kept, ALoaderOfTorchDataNeedsTheSameBatchesToo) {
  const auto loader_of = [](size_t batch_size) {
    return loader(torch::data::make_data_loader<torch::data::samplers::SequentialSampler>(
        torch::data::datasets::TensorDataset(torch::ones({24, 1}))
            .map(torch::data::transforms::Stack<torch::data::TensorExample>()),
        batch_size));
  };
  const auto first = loader_of(4);
  first->begin_epoch(0);
  first->next();
  first->next();
  const course::Dict state = first->state_dict();
  loader_of(4)->load_state_dict(state);
  EXPECT_THAT(error_of([&] { loader_of(8)->load_state_dict(state); }),
              AllOf(HasSubstr("2 batches of 4 samples"), HasSubstr("now have 8")));
}

// --- last.ckpt, and saves that wait for their metric -------------------------------------------

struct Saved {
  std::vector<std::string> files;  // in the order in which they were written, with the steps
  std::string error;
};

struct Saves {
  int64_t batches = 4, epochs = 3;
  CheckInterval interval = 1.0;
  std::optional<int64_t> every_n_epoch = 1;
  std::optional<int64_t> killed_at = std::nullopt;  // before that step
  bool validates = true;
};

// Notes the files of a ModelCheckpoint as they are written, and the steps they are of.
class Recorder : public Logger {
 public:
  explicit Recorder(std::vector<std::string>& files) : files_(files) {}
  void log_metrics(const std::map<std::string, double>&, int64_t) override {}
  void after_save_checkpoint(const ModelCheckpoint& check) override {
    fs::path newest;
    int64_t step = -1;
    for (const auto& entry : fs::directory_iterator(check.dirpath())) {
      const std::string text = course::testing::bytes_of(entry.path());
      if (known_[entry.path().string()] == text) continue;
      known_[entry.path().string()] = text;
      newest = entry.path();
      step = course::read_torch_file(newest).as_dict().at("global_step").as_int();
    }
    files_.push_back(newest.filename().string() + " at " + std::to_string(step));
  }

 private:
  std::vector<std::string>& files_;
  std::map<std::string, std::string> known_;
};

Saved saves(const fs::path& folder, ModelCheckpointOptions options, const Saves& how) {
  course::remove_tree(folder);
  Saved saved;
  const auto module = std::make_shared<Line>(/*lr=*/0.001);
  module->on_step = [&](Line& self, const Batch&, int64_t, const torch::Tensor& loss) {
    if (how.killed_at && self.global_step() == *how.killed_at) throw Error("killed");
    self.log("loss", loss, {.on_step = true, .on_epoch = true});
    self.log("worse", self.global_step(), {.on_step = true, .on_epoch = false});
  };
  module->on_validation = [](Line& self, auto&&...) { self.log("val_loss", self.global_step()); };
  options.dirpath = folder;
  Trainer trainer(quiet({.logger = {std::make_shared<Recorder>(saved.files)},
                         .callbacks = {callback<ModelCheckpoint>(options)},
                         .max_epochs = how.epochs,
                         .limit_val_batches = how.validates ? Limit(1.0) : Limit(int64_t{0}),
                         .val_check_interval = how.interval,
                         .check_val_every_n_epoch = how.every_n_epoch,
                         .num_sanity_val_steps = 0}));
  try {
    trainer.fit(module, numbers(how.batches), numbers(1));
  } catch (const Error& error) {
    saved.error = error.what();
  }
  return saved;
}

// Lightning's numbers (2 and 4), by steps.
TEST_F(Kept, LastIsTheLastByStepsWhateverTheMetric) {
  const auto k1 = saves(folder_ / "k1",
                        {.monitor = "worse", .save_last = SaveLast::yes, .every_n_train_steps = 2},
                        {.batches = 10, .epochs = 1, .killed_at = 5});
  EXPECT_THAT(k1.files,
              ElementsAre("epoch=0-step=2.ckpt at 2", "last.ckpt at 2", "last.ckpt at 4"));
  const auto k0 = saves(
      folder_ / "k0",
      {.monitor = "worse", .save_last = SaveLast::yes, .save_top_k = 0, .every_n_train_steps = 2},
      {.batches = 10, .epochs = 1, .killed_at = 5});
  EXPECT_THAT(k0.files, ElementsAre("last.ckpt at 2", "last.ckpt at 4"));
  const auto linked = saves(
      folder_ / "link", {.monitor = "worse", .save_last = SaveLast::link, .every_n_train_steps = 2},
      {.batches = 10, .epochs = 1, .killed_at = 5});
  EXPECT_FALSE(fs::is_symlink(folder_ / "link/last.ckpt")) << "the file at 2 is not the last";
  EXPECT_EQ(
      course::read_torch_file(folder_ / "link/last.ckpt").as_dict().at("global_step").as_int(), 4);
}

// Where Lightning keeps the file of the best epoch: a run that is made longer goes on from its end.
TEST_F(Kept, LastIsTheLastByEpochsToo) {
  const auto fit = [&](int64_t epochs) {
    const auto module = std::make_shared<Line>();
    module->on_epoch_end = [](Line& self) { self.log("m", self.current_epoch()); };  // 0 is best
    Trainer trainer(quiet({.callbacks = {callback<ModelCheckpoint>(
                               {.dirpath = folder_, .monitor = "m", .save_last = SaveLast::yes})},
                           .max_epochs = epochs,
                           .limit_val_batches = 0}));
    trainer.fit(module, numbers(2), {}, {.ckpt_path = "last"});
    return module->batches.size();
  };
  EXPECT_EQ(fit(5), 10);
  EXPECT_EQ(course::read_torch_file(folder_ / "last.ckpt").as_dict().at("global_step").as_int(),
            10);
  EXPECT_EQ(fit(6), 2) << "one epoch more";
  EXPECT_THAT(names_in(folder_), ElementsAre("epoch=0-step=2.ckpt", "last.ckpt"));
}

// An epoch that is no opportunity to save is none for last.ckpt either.
TEST_F(Kept, LastFollowsEveryNEpochs) {
  const auto saved =
      saves(folder_ / "a", {.monitor = "worse", .save_last = SaveLast::yes, .every_n_epochs = 2},
            {.epochs = 5});
  EXPECT_THAT(saved.files,
              ElementsAre("epoch=1-step=8.ckpt at 8", "last.ckpt at 8", "last.ckpt at 16"));
}

// Lightning's steps, of runs of Lightning. Where it would save with the metric of an earlier
// validation and another is about to begin, we save after that.
TEST_F(Kept, ASaveByStepsWaitsForItsMetric) {
  const auto steps = [&](const std::string& monitor, int64_t every, const Saves& how) {
    const Saved saved = saves(
        folder_ / "a", {.monitor = monitor, .save_top_k = -1, .every_n_train_steps = every}, how);
    EXPECT_EQ(saved.error, "");
    std::vector<int64_t> found;
    for (const std::string& file : saved.files) {
      found.push_back(std::stoll(file.substr(file.rfind(' ') + 1)));
    }
    return found;
  };
  EXPECT_THAT(steps("loss_epoch", 4, {}), ElementsAre(8, 12));
  EXPECT_THAT(steps("loss_epoch", 2, {}), ElementsAre(6, 8, 10, 12));
  EXPECT_THAT(steps("loss_epoch", 4, {.validates = false}), ElementsAre(8, 12));
  EXPECT_THAT(steps("val_loss", 3, {.batches = 10, .epochs = 1, .interval = 0.5}),
              ElementsAre(5, 6, 9));
  EXPECT_THAT(steps("val_loss", 3, {.batches = 10, .epochs = 2, .every_n_epoch = 2}),
              ElementsAre(20));
  EXPECT_THAT(steps("val_loss", 3, {.batches = 10, .epochs = 4, .every_n_epoch = 2}),
              ElementsAre(20, 21, 24, 27, 30, 33, 36, 39));
  EXPECT_THAT(steps("val_loss", 4, {}), ElementsAre(4, 8, 12)) << "Lightning: 8 and 12";
}

TEST_F(Kept, AMetricThatNeverComesIsAnError) {
  const ModelCheckpointOptions options{.monitor = "los", .every_n_train_steps = 3};
  EXPECT_THAT(saves(folder_ / "a", options, {}).error,
              AllOf(HasSubstr("monitors los"), HasSubstr("val_loss")));
  EXPECT_THAT(saves(folder_ / "a", options, {.interval = 0.5}).error, HasSubstr("monitors los"));
  EXPECT_THAT(saves(folder_ / "a", options, {.validates = false}).error, "");
  EXPECT_THAT(messages_.warnings, Contains(HasSubstr("monitors los")));
}

// --- The same folder, however it is spelled or moved -------------------------------------------

// "m" is best in epoch 1; ends after `epochs`.
std::shared_ptr<ModelCheckpoint> best_of_epoch_1(const fs::path& dirpath, const std::string& from,
                                                 int64_t epochs, int64_t k = 1) {
  const auto module = std::make_shared<Line>();
  module->on_epoch_end = [](Line& self) { self.log("m", self.current_epoch() == 1 ? 1.0 : 2.0); };
  const auto check = callback<ModelCheckpoint>({.dirpath = dirpath,
                                                .filename = "best",
                                                .monitor = "m",
                                                .save_last = SaveLast::yes,
                                                .save_top_k = k,
                                                .enable_version_counter = false});
  Trainer trainer(quiet({.callbacks = {check}, .max_epochs = epochs, .limit_val_batches = 0}));
  trainer.fit(module, numbers(2), {}, {.ckpt_path = from});
  return check;
}

int64_t epoch_in(const fs::path& file) {
  return course::read_torch_file(file).as_dict().at("epoch").as_int();
}

TEST_F(Kept, ALinkToTheFolderIsTheFolder) {
  const fs::path run = folder_ / "runs/1", latest = folder_ / "runs/latest";
  best_of_epoch_1(run / "checkpoints", "", 3);
  fs::create_directory_symlink("1", latest);
  for (const fs::path& spelled :
       {latest / "checkpoints", run / "../1/checkpoints", run / "checkpoints/"}) {
    SCOPED_TRACE(spelled);
    const auto check = best_of_epoch_1(spelled, "last", 4);
    EXPECT_EQ(epoch_in(run / "checkpoints/best.ckpt"), 1);
    EXPECT_EQ(check->best_model_path(), fs::canonical(run) / "checkpoints/best.ckpt");
  }
  EXPECT_THAT(messages_.warnings, Not(Contains(HasSubstr("was kept in"))));
}

TEST_F(Kept, AFolderMayBeRenamedOrCopied) {
  const fs::path before = folder_ / "before";
  best_of_epoch_1(before / "checkpoints", "", 3);
  const auto kept = files_of(before);
  fs::copy(before, folder_ / "copied", fs::copy_options::recursive);
  const auto copied = best_of_epoch_1(folder_ / "copied/checkpoints", "last", 5);
  EXPECT_EQ(epoch_in(folder_ / "copied/checkpoints/best.ckpt"), 1);
  EXPECT_EQ(epoch_in(folder_ / "copied/checkpoints/last.ckpt"), 4);
  EXPECT_EQ(copied->best_model_path(), fs::canonical(folder_) / "copied/checkpoints/best.ckpt");
  EXPECT_EQ(files_of(before), kept) << "nothing of the first is touched";

  fs::rename(before, folder_ / "after");
  const auto renamed = best_of_epoch_1(folder_ / "after/checkpoints", "last", 5);
  EXPECT_EQ(epoch_in(folder_ / "after/checkpoints/best.ckpt"), 1);
  EXPECT_EQ(renamed->best_model_score(), 1.0);
  EXPECT_THAT(messages_.warnings, Not(Contains(HasSubstr("was kept in"))));
}

TEST_F(Kept, AnotherFolderIsAnother) {
  best_of_epoch_1(folder_ / "one", "", 3);
  const auto kept = files_of(folder_ / "one");
  const auto check = best_of_epoch_1(folder_ / "two", folder_ / "one/last.ckpt", 5);
  EXPECT_EQ(files_of(folder_ / "one"), kept);
  EXPECT_THAT(messages_.warnings, Contains(HasSubstr("was kept in")));
  EXPECT_EQ(epoch_in(folder_ / "two/best.ckpt"), 3) << "the first that is kept there";
  // The checkpoint alone in a folder of its own: the best is where it was.
  fs::create_directory(folder_ / "three");
  fs::copy(folder_ / "one/last.ckpt", folder_ / "three/last.ckpt");
  const auto alone = best_of_epoch_1(folder_ / "three", "last", 3);
  EXPECT_EQ(alone->best_model_path(), fs::canonical(folder_) / "one/best.ckpt");
}

TEST_F(Kept, FewerThanBeforeAreCounted) {
  const auto fit = [&](int64_t k, int64_t epochs) {
    const auto module = std::make_shared<Line>();
    module->on_epoch_end = [](Line& self) { self.log("m", 9 - self.current_epoch()); };
    const auto check =
        callback<ModelCheckpoint>({.dirpath = folder_, .monitor = "m", .save_top_k = k});
    Trainer trainer(quiet({.callbacks = {check}, .max_epochs = epochs, .limit_val_batches = 0}));
    const bool resumes = fs::exists(folder_ / "epoch=2-step=3.ckpt");
    trainer.fit(module, numbers(1), {},
                {.ckpt_path = resumes ? (folder_ / "epoch=2-step=3.ckpt").string() : ""});
    return check->best_k_models().size();
  };
  EXPECT_EQ(fit(3, 3), 3);
  EXPECT_EQ(fit(1, 5), 1);
  EXPECT_THAT(names_in(folder_), ElementsAre("epoch=0-step=1.ckpt", "epoch=1-step=2.ckpt",
                                             "epoch=2-step=3.ckpt", "epoch=4-step=5.ckpt"))
      << "what was kept stays, and of the new ones one is kept";
}

// --- What is given now wins, or it is told ------------------------------------------------------

std::shared_ptr<EarlyStopping> stopped(const fs::path& folder, int64_t patience,
                                       const std::string& from, Trainer** at = nullptr) {
  static std::unique_ptr<Trainer> trainer;
  const auto module = std::make_shared<Line>();
  module->on_epoch_end = [](Line& self) { self.log("m", 1.0); };
  const auto stopping = callback<EarlyStopping>({.monitor = "m", .patience = patience});
  trainer = std::make_unique<Trainer>(quiet(
      {.callbacks = {stopping,
                     callback<ModelCheckpoint>({.dirpath = folder, .save_last = SaveLast::yes})},
       .max_epochs = 20,
       .limit_val_batches = 0}));
  trainer->fit(module, numbers(1), {}, {.ckpt_path = from});
  if (at != nullptr) *at = trainer.get();
  return stopping;
}

TEST_F(Kept, ThePatienceOfNowCounts) {
  Trainer* trainer = nullptr;
  stopped(folder_, 2, "", &trainer);
  EXPECT_EQ(trainer->current_epoch(), 3);
  const auto stays = stopped(folder_, 2, "last", &trainer);
  EXPECT_EQ(trainer->current_epoch(), 3) << "it stays stopped";
  EXPECT_EQ(stays->stopping_reason(), EarlyStopping::Reason::patience_exhausted);
  EXPECT_THAT(messages_.infos,
              Contains(HasSubstr("EarlyStopping had stopped this run in epoch 2")));
  const auto more = stopped(folder_, 6, "last", &trainer);
  EXPECT_EQ(trainer->current_epoch(), 7);
  EXPECT_EQ(more->options().patience, 6);
  EXPECT_EQ(more->stopped_epoch(), 6);
}

TEST_F(Kept, EarlyStoppingSaysWhy) {
  stopped(folder_, 2, "");
  EXPECT_THAT(messages_.infos,
              Contains("stopped by EarlyStopping: m not better for 2 checks; best 1 in epoch 0"));
  const auto reason_of = [&](EarlyStoppingOptions options, double value) {
    messages_.infos.clear();
    const auto module = std::make_shared<Line>();
    module->on_epoch_end = [&](Line& self) {
      self.log("m", self.current_epoch() == 0 ? 0.5 : value);
    };
    options.monitor = "m";
    Trainer trainer(quiet({.callbacks = {callback<EarlyStopping>(options)},
                           .max_epochs = 5,
                           .limit_val_batches = 0}));
    trainer.fit(module, numbers(1));
    for (const std::string& text : messages_.infos) {
      if (text.starts_with("stopped by")) return text;
    }
    return std::string();
  };
  EXPECT_EQ(reason_of({}, NAN),
            "stopped by EarlyStopping: m is nan in epoch 1; best 0.5 in epoch 0");
  EXPECT_EQ(reason_of({.stopping_threshold = 0.25}, 0.125),
            "stopped by EarlyStopping: m 0.125 is better than stopping_threshold 0.25; best 0.5 in "
            "epoch 0");
  EXPECT_EQ(
      reason_of({.divergence_threshold = 8}, 9),
      "stopped by EarlyStopping: m 9 is worse than divergence_threshold 8; best 0.5 in epoch 0");
}

TEST_F(Kept, WhatAnOptimizerTakesOverIsTold) {
  const auto warnings = [&](const Sized::Options& now) {
    const fs::path run = folder_ / "run";
    course::remove_tree(run);
    EXPECT_THROW(run_in(run, {}, 3), Interrupted);
    messages_.warnings.clear();
    run_in(run, {.module = now});
    return messages_.warnings;
  };
  EXPECT_THAT(warnings({}), Not(Contains(HasSubstr("resumes with"))));
  EXPECT_THAT(warnings({.weight_decay = 0.5}),
              Contains(AllOf(HasSubstr("Adam"), HasSubstr("weight_decay=0 (not 0.5)"))));
  EXPECT_THAT(warnings({.lr = 0.02}),
              Contains(AllOf(HasSubstr("StepLR"), HasSubstr("base_lrs=0.01 (not 0.02)"))));
}

// --- After the end -----------------------------------------------------------------------------

TEST_F(Kept, TheBarOfAnEpochThatResumes) {
  const auto lines = [&](std::optional<int64_t> end_at) {
    torch::manual_seed(1);
    std::ostringstream out;
    const auto module = std::make_shared<Sized>(Sized::Options{});
    TrainerOptions options =
        quiet({.callbacks = {callback<ModelCheckpoint>({.dirpath = folder_,
                                                        .filename = "step",
                                                        .every_n_train_steps = 1,
                                                        .enable_version_counter = false})},
               .max_epochs = 2,
               .limit_val_batches = 0});
    options.enable_progress_bar = true;
    options.callbacks.push_back(std::make_shared<ProgressBar>(
        course::ProgressOutput{&out, {.interactive = false, .width = 80}, [] { return 0.0; }}));
    Trainer trainer(options);
    module->before_step = [&](int64_t batch_idx) {
      if (end_at && trainer.current_epoch() == 0 && batch_idx == *end_at) throw Error("ended");
    };
    const bool resumes = fs::exists(folder_ / "step.ckpt");
    try {
      trainer.fit(module, samples(8, true), {},
                  {.ckpt_path = resumes ? (folder_ / "step.ckpt").string() : ""});
    } catch (const Error&) {
    }
    return out.str();
  };
  EXPECT_EQ(lines(3), "");
  EXPECT_THAT(lines(std::nullopt), AllOf(HasSubstr("Epoch 0/1"), HasSubstr("Epoch 1/1")));
}

TEST_F(Kept, ATestOfTheBestTakesNothingFromCallbacks) {
  const auto module = std::make_shared<Line>();
  module->on_epoch_end = [](Line& self) { self.log("m", self.current_epoch() == 1 ? 1.0 : 2.0); };
  const auto check = callback<ModelCheckpoint>(
      {.dirpath = folder_, .monitor = "m", .save_last = SaveLast::yes, .save_top_k = 2});
  const auto report = callback<HtmlReport>({.path = folder_ / "report.html"});
  Trainer trainer(quiet({.callbacks = {report, check}, .max_epochs = 6, .limit_val_batches = 0}));
  trainer.fit(module, numbers(2));
  const course::Dict before = report->state_dict();
  const auto best = check->best_k_models();
  const double seconds = before.at("seconds").as_double();
  trainer.test(module, numbers(1), {.verbose = false, .ckpt_path = "best"});
  EXPECT_EQ(report->state_dict().at("curves").as_dict().at("m").as_tensor().size(0), 6);
  EXPECT_EQ(report->state_dict().at("seconds").as_double(), seconds);
  EXPECT_EQ(check->best_k_models(), best);
  EXPECT_EQ(check->last_model_path().filename(), "last.ckpt");
  // A Trainer that has not trained takes what the checkpoint knows.
  const auto fresh = callback<HtmlReport>({.path = folder_ / "fresh.html"});
  Trainer other(quiet({.callbacks = {fresh}}));
  other.test(module, numbers(1), {.verbose = false, .ckpt_path = check->best_model_path()});
  EXPECT_EQ(fresh->state_dict().at("curves").as_dict().at("m").as_tensor().size(0), 2);
}

TEST_F(Kept, TheFirstErrorIsTheOneThatIsThrown) {
  const auto logger = std::make_shared<MemoryLogger>();
  std::vector<std::string> calls;
  const auto bad = callback<LambdaCallback>(
      {.on_exception = [](Trainer&, auto&, const std::exception&) { throw Error("second"); }});
  const auto worse = callback<LambdaCallback>(
      {.on_exception = [](Trainer&, auto&, const std::exception&) { throw 7; }});
  const auto good =
      callback<LambdaCallback>({.on_exception = [&](Trainer&, auto&, const std::exception& error) {
        calls.push_back(error.what());
      }});
  Trainer trainer(quiet({.logger = {logger},
                         .callbacks = {bad, worse, good},
                         .max_epochs = 1,
                         .limit_val_batches = 0}));
  const auto module = std::make_shared<Line>();
  module->on_step = [](auto&&...) { throw Error("first"); };
  EXPECT_EQ(error_of([&] { trainer.fit(module, numbers(1)); }), "first");
  EXPECT_THAT(calls, ElementsAre("first"));
  EXPECT_THAT(logger->statuses, ElementsAre("failed"));
  EXPECT_THAT(messages_.warnings, Contains(HasSubstr("second")));
  EXPECT_EQ(trainer.state().status, TrainerState::Status::interrupted);
  // And what is no std::exception.
  module->on_step = [](auto&&...) { throw 42; };
  int thrown = 0;
  try {
    trainer.fit(module, numbers(1));
  } catch (int number) {
    thrown = number;
  }
  EXPECT_EQ(thrown, 42);
  EXPECT_THAT(logger->statuses, ElementsAre("failed", "failed"));
}

// Lightning calls neither hook; here the end of the last epoch is still to be done.
TEST_F(Kept, AResumeWithNothingLeftBeginsAndEnds) {
  std::vector<std::string> calls;
  const auto fit = [&](const std::string& from) {
    calls.clear();
    const auto note = callback<LambdaCallback>(
        {.on_train_start = [&](auto&, auto&) { calls.push_back("start"); },
         .on_train_end = [&](auto&, auto&) { calls.push_back("end"); },
         .on_train_epoch_start = [&](auto&, auto&) { calls.push_back("epoch"); }});
    Trainer trainer(quiet({.callbacks = {note, callback<ModelCheckpoint>({.dirpath = folder_})},
                           .max_epochs = 1,
                           .limit_val_batches = 0}));
    trainer.fit(std::make_shared<Line>(), numbers(2), {}, {.ckpt_path = from});
    EXPECT_EQ(trainer.current_epoch(), 1);
    EXPECT_EQ(trainer.global_step(), 2);
  };
  fit("");
  EXPECT_THAT(calls, ElementsAre("start", "epoch", "end"));
  fit(folder_ / "epoch=0-step=2.ckpt");
  EXPECT_THAT(calls, ElementsAre("start", "end"));
  EXPECT_THAT(names_in(folder_), ElementsAre("epoch=0-step=2.ckpt"));
}

// What a callback keeps of each file that it wrote is forgotten with the file.
TEST_F(Kept, ManySavesTakeNoMemory) {
  size_t before = 0, after = 0;
  const auto measure = callback<LambdaCallback>({.on_train_epoch_start = [&](Trainer& t, auto&) {
    if (t.current_epoch() == 50) before = mallinfo2().uordblks;
    if (t.current_epoch() == 250) after = mallinfo2().uordblks;
  }});
  Trainer trainer(quiet({.callbacks = {measure, callback<ModelCheckpoint>({.dirpath = folder_})},
                         .max_epochs = 251,
                         .limit_val_batches = 0}));
  trainer.fit(std::make_shared<Line>(), numbers(1));
  // 200 saves; each left 450 bytes behind, and the next ones' places in memory.
  EXPECT_LT(after, before + 40'000);
}

TEST_F(Kept, AReportOfManyEpochsStaysSmall) {
  const auto report = callback<HtmlReport>({.path = folder_ / "report.html"});
  const auto module = std::make_shared<Line>();
  module->on_epoch_end = [](Line& self) {
    self.log("m", self.current_epoch() == 1234 ? 99.0 : 1.0);  // one peak
  };
  Trainer trainer(quiet({.callbacks = {report}, .max_epochs = 4500, .limit_val_batches = 0}));
  trainer.fit(module, numbers(1));
  const torch::Tensor curve = report->state_dict().at("curves").as_dict().at("m").as_tensor();
  EXPECT_LE(curve.size(0), 2000);
  EXPECT_GE(curve.size(0), 1000);
  EXPECT_EQ(curve.select(1, 1).max().item<double>(), 99.0);
  EXPECT_EQ(curve[0][0].item<double>(), 0);
  EXPECT_EQ(curve[-1][0].item<double>(), 4499);
  EXPECT_TRUE((curve.select(1, 0).diff() > 0).all().item<bool>()) << "in the order of epochs";
}

}  // namespace
}  // namespace lit
