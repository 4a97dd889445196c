// Checkpoints of whole runs: what is in them, and that a run goes on from them as if nothing had
// been.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include "../common/second_process.h"
#include "../common/temporary_folder.h"
#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/callbacks/weight_averaging.h"
#include "lit/checkpoint.h"
#include "lit/metrics/classification.h"
#include "remove_tree.h"
#include "serialize/atomic_file.h"
#include "serialize/state_dict.h"
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
using testing::Line;
using testing::MemoryLogger;
using testing::Messages;
using testing::numbers;
using testing::quiet;

class RunTest : public ::testing::Test {
 protected:
  const course::testing::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
  Messages messages_;
};
using CheckpointFile = RunTest;
using Resumed = RunTest;

// --- A run with everything that has a state ---------------------------------------------------

// A classifier of points on a plane, with dropout, a batch norm, an accuracy and logged means.
class Everything : public LightningModule {
 public:
  Everything() {
    using namespace torch::nn;
    net_ = register_module(
        "net", Sequential(Linear(2, 8), BatchNorm1d(8), ReLU(), Dropout(0.3), Linear(8, 3)));
    accuracy_ =
        register_module("accuracy", metric<Accuracy>({.task = "multiclass", .num_classes = 3}));
  }
  StepOutput training_step(const Batch& batch, int64_t) override {
    const auto scores = net_->forward(batch[0] + 0.1 * torch::randn_like(batch[0]));
    (*accuracy_)(scores, batch[1]);
    const auto loss = torch::nn::functional::cross_entropy(scores, batch[1]);
    log("train_loss", loss, {.on_step = true, .on_epoch = true});
    log("train_accuracy", accuracy_, {.on_step = false, .on_epoch = true});
    return loss;
  }
  StepOutput validation_step(const Batch& batch, int64_t, int64_t) override {
    log("val_loss", torch::nn::functional::cross_entropy(net_->forward(batch[0]), batch[1]));
    return {};
  }
  Optimizers configure_optimizers() override {
    auto adam = std::make_shared<torch::optim::AdamW>(parameters(), 0.05);
    if (by_metric_) {
      return OptimizerConfig{.optimizer = adam,
                             .lr_scheduler = LRSchedulerConfig{
                                 .scheduler = std::make_shared<ReduceLROnPlateau>(
                                     adam, ReduceLROnPlateauOptions{.factor = 0.5, .patience = 0}),
                                 .monitor = "train_loss"}};
    }
    return OptimizerConfig{.optimizer = adam,
                           .lr_scheduler = LRSchedulerConfig{
                               .scheduler = std::make_shared<CosineAnnealingLR>(adam, 30),
                               .interval = by_epoch_ ? "epoch" : "step"}};
  }

  bool by_metric_ = false, by_epoch_ = false;

 private:
  torch::nn::Sequential net_{nullptr};
  std::shared_ptr<Accuracy> accuracy_;
};

course::InMemoryLoader points(uint64_t seed, bool shuffle) {
  const torch::Tensor x =
      torch::sin(torch::arange(54 * 2, torch::kFloat32) * (1.0 + 0.1 * static_cast<double>(seed)))
          .reshape({54, 2});
  const torch::Tensor y =
      (x.sum(1) > 0).to(torch::kInt64) + (x.select(1, 0) > 0.5).to(torch::kInt64);
  return {x, y, {.batch_size = 8, .shuffle = shuffle, .seed = seed}};  // 7 batches, the last of 6
}

struct Setup {
  int64_t accumulate = 1;
  bool by_metric = false, by_epoch = false;
  CheckInterval val_check_interval = 1.0;
  std::optional<int64_t> every_n_train_steps = std::nullopt;
  int64_t max_epochs = 5;
  std::function<void()> after_batch = nullptr;
};

// Runs it, from the last checkpoint in the folder if `resume`, and returns all that it came to.
course::Dict run(const fs::path& folder, const Setup& setup, bool resume,
                 std::vector<MemoryLogger::Row>* rows = nullptr) {
  torch::manual_seed(resume ? 4711 : 7);
  const auto module = std::make_shared<Everything>();
  module->by_metric_ = setup.by_metric;
  module->by_epoch_ = setup.by_epoch;
  const auto best = callback<ModelCheckpoint>({.dirpath = folder / "best",
                                               .filename = "{epoch}-{step}-{val_loss:.3f}",
                                               .monitor = "val_loss",
                                               .save_top_k = 2});
  const auto last = callback<ModelCheckpoint>({.dirpath = folder / "last",
                                               .filename = "last",
                                               .every_n_train_steps = setup.every_n_train_steps,
                                               .enable_version_counter = false});
  const auto ema = callback<EMAWeightAveraging>({.decay = 0.9, .update_every_n_steps = 2});
  const auto stopping = callback<EarlyStopping>({.monitor = "val_loss", .patience = 2});
  const auto logger = std::make_shared<MemoryLogger>();
  const auto hook = callback<LambdaCallback>(
      {.on_train_batch_end = [&](auto&, auto&, const StepOutput&, const Batch&, int64_t) {
        if (setup.after_batch) setup.after_batch();
      }});
  Trainer trainer(quiet({.logger = {logger},
                         .callbacks = {ema, stopping, hook, best, last},
                         .max_epochs = setup.max_epochs,
                         .val_check_interval = setup.val_check_interval,
                         .num_sanity_val_steps = 1,
                         .log_every_n_steps = 1,
                         .accumulate_grad_batches = setup.accumulate}));
  trainer.fit(module, points(3, true), points(8, false),
              {.ckpt_path = resume ? (folder / "last/last.ckpt").string() : ""});
  if (rows != nullptr) *rows = logger->rows;
  trainer.save_checkpoint(folder / "end.ckpt");
  course::Dict end = course::read_torch_file(folder / "end.ckpt").as_dict();
  return end;
}

// The difference between two trees, as a path; "": there is none. Paths of files are in folders of
// different names.
std::string difference(const course::Value& a, const course::Value& b, const std::string& at = "") {
  if (a.kind() != b.kind()) return at + ": another kind";
  if (a.is<torch::Tensor>()) {
    return a.as_tensor().sizes() == b.as_tensor().sizes() &&
                   torch::equal(a.as_tensor(), b.as_tensor())
               ? ""
               : at;
  }
  if (a.is<course::Dict>()) {
    const course::Dict &x = a.as_dict(), &y = b.as_dict();
    if (x.size() != y.size()) return at + ": another size";
    auto other = y.begin();
    for (const auto& [key, value] : x) {
      const std::string name =
          key.is<std::string>() ? key.as_string() : std::to_string(key.as_int());
      const std::string found = difference(value, other->second, at + "/" + name);
      if (!found.empty()) return found;
      ++other;
    }
    return "";
  }
  if (a.is<course::List>() || a.is<course::Tuple>()) {
    const course::List& x = a.is<course::List>() ? a.as_list() : a.as_tuple();
    const course::List& y = b.is<course::List>() ? b.as_list() : b.as_tuple();
    if (x.size() != y.size()) return at + ": another size";
    for (size_t i = 0; i < x.size(); ++i) {
      const std::string found = difference(x[i], y[i], at + "/" + std::to_string(i));
      if (!found.empty()) return found;
    }
    return "";
  }
  if (a.is<std::string>()) {
    const auto tail = [](const std::string& path) { return fs::path(path).filename(); };
    return tail(a.as_string()) == tail(b.as_string())
               ? ""
               : at + ": " + a.as_string() + ", " + b.as_string();
  }
  if (a.is<double>()) {
    return a.as_double() == b.as_double() ||
                   (std::isnan(a.as_double()) && std::isnan(b.as_double()))
               ? ""
               : at;
  }
  if (a.is<int64_t>()) return a.as_int() == b.as_int() ? "" : at;
  return "";
}

struct Point {
  std::string name;
  Setup setup;
  int64_t batch;
  bool mid_write;
};

// Runs and places to be killed at, from a seed.
std::vector<Point> points_to_die_at(unsigned seed, int count) {
  std::mt19937 generator(seed);
  const auto any = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(generator);
  };
  std::vector<Point> points;
  for (int i = 0; i < count; ++i) {
    Setup setup;
    setup.accumulate = i % 4 == 1 ? 3 : 1;  // windows of 3, 3 and 1
    setup.by_metric = i % 5 == 2;
    setup.by_epoch = i % 2 == 0;
    if (i % 3 == 1) setup.val_check_interval = 0.5;
    if (i % 2 == 1) setup.every_n_train_steps = any(1, 4);
    const bool mid_write = i % 6 == 5;
    // Behind the first checkpoint: that of an epoch of seven batches, or of the fourth step by
    // threes.
    const int64_t first = setup.accumulate == 3 && setup.every_n_train_steps == 4 ? 11 : 8;
    const int64_t batch = any(first, mid_write ? 20 : 30);
    points.push_back(
        {"point " + std::to_string(i) + " of seed " + std::to_string(seed) +
             ": killed behind batch " + std::to_string(batch) + ", accumulate " +
             std::to_string(setup.accumulate) + ", a checkpoint every " +
             (setup.every_n_train_steps ? std::to_string(*setup.every_n_train_steps) + " steps"
                                        : std::string("epoch")) +
             (mid_write ? ", in the middle of writing the next one" : ""),
         setup, batch, mid_write});
  }
  return points;
}

// Runs until it kills this process, behind that batch; or in the middle of writing that checkpoint.
void run_until_killed(const fs::path& folder, const Point& point) {
  int64_t count = 0;
  at::set_num_threads(1);
  Setup setup = point.setup;
  setup.after_batch = [&] {
    if (++count != point.batch) return;
    if (!point.mid_write) raise(SIGKILL);
    // The next file that grows beyond this ends the process in the middle of write().
    const rlimit limit{8000, 8000}, none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_DFL);
  };
  run(folder, setup, /*resume=*/false);
}

// The same in a program of its own, which is this one once more: a forked child of a process that
// has used autograd must not use it (libtorch 2 refuses).
void run_elsewhere_until_killed(const fs::path& folder, unsigned seed, int count, int number) {
  const std::string where = folder.string(), which = fmt::format("{} {} {}", seed, count, number);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (const std::string& name : course::testing::gtest_variables()) unsetenv(name.c_str());
    setenv("COURSE_KILLED_FOLDER", where.c_str(), 1);
    setenv("COURSE_KILLED_POINT", which.c_str(), 1);
    execl("/proc/self/exe", "lit_tests", "--gtest_also_run_disabled_tests", "--gtest_brief=1",
          "--gtest_filter=Resumed.DISABLED_UntilItIsKilled", nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const bool mid_write = points_to_die_at(seed, count)[number].mid_write;
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == (mid_write ? SIGXFSZ : SIGKILL)) << status;
}

TEST_F(Resumed, DISABLED_UntilItIsKilled) {
  const char* const folder = std::getenv("COURSE_KILLED_FOLDER");
  const char* const which = std::getenv("COURSE_KILLED_POINT");
  if (folder == nullptr || which == nullptr) GTEST_SKIP() << "it is a part of the next test";
  std::istringstream words(which);
  unsigned seed = 0;
  int count = 0, number = 0;
  words >> seed >> count >> number;
  course::remove_tree(folder_);  // this one's own, which nobody will remove afterwards
  run_until_killed(folder, points_to_die_at(seed, count).at(number));
  FAIL() << "it was to die before";
}

TEST_F(Resumed, AKilledRunEndsAsIfItHadNotBeen) {
  // Twenty, always the same ones; `./course prove resume` draws others.
  const char* const given_seed = std::getenv("COURSE_PROVE_SEED");
  const char* const given_count = std::getenv("COURSE_PROVE_POINTS");
  const auto seed = static_cast<unsigned>(given_seed == nullptr ? 20 : std::stoul(given_seed));
  const int count = given_count == nullptr ? 20 : std::stoi(given_count);
  std::cout << count << " places to be killed at, from the seed " << seed << '\n';
  int number = 0;
  for (const Point& point : points_to_die_at(seed, count)) {
    SCOPED_TRACE(point.name);
    const fs::path straight = folder_ / ("straight" + std::to_string(number));
    const fs::path killed = folder_ / ("killed" + std::to_string(number++));
    run_elsewhere_until_killed(killed, seed, count, number - 1);
    std::vector<MemoryLogger::Row> rows, rest;
    const course::Dict expected = run(straight, point.setup, false, &rows);
    ASSERT_TRUE(fs::exists(killed / "last/last.ckpt"));
    const course::Dict found = run(killed, point.setup, true, &rest);
    EXPECT_EQ(difference(expected, found), "");
    // What is logged goes on as well: the rows of the resumed run are the last ones of the other.
    ASSERT_LE(rest.size(), rows.size());
    for (size_t i = 1; i <= rest.size(); ++i) {
      EXPECT_EQ(rows[rows.size() - i].step, rest[rest.size() - i].step);
      EXPECT_EQ(rows[rows.size() - i].metrics, rest[rest.size() - i].metrics);
    }
    // And the files that are kept are there; what the killed run wrote since then may be, too.
    std::vector<std::string> kept, wanted;
    for (const auto& file : fs::directory_iterator(killed / "best")) {
      if (file.path().extension() == ".ckpt") kept.push_back(file.path().filename());
    }
    for (const auto& file : fs::directory_iterator(straight / "best")) {
      wanted.push_back(file.path().filename());
    }
    EXPECT_THAT(kept, ::testing::IsSupersetOf(wanted));
  }
}

// --- What is in a file, and what is made of it ------------------------------------------------

// One epoch of five batches, with a scheduler; writes end.ckpt, and end_weights.ckpt.
std::shared_ptr<Line> five_batches(const fs::path& folder, int64_t epochs = 1) {
  const auto module = std::make_shared<Line>();
  module->configure = [](const std::shared_ptr<torch::optim::SGD>& sgd) {
    return OptimizerConfig{
        .optimizer = sgd,
        .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(sgd, 1, 0.5)}};
  };
  module->save_hyperparameters({{"width", 3}, {"name", "line"}});
  const auto saves = callback<LambdaCallback>({.on_train_epoch_end = [&](Trainer& t, auto&) {
    t.save_checkpoint(folder / "in_epoch_end.ckpt");
  }});
  Trainer trainer(quiet({.callbacks = {saves}, .max_epochs = epochs, .limit_val_batches = 0}));
  trainer.fit(module, numbers(5));
  trainer.save_checkpoint(folder / "end.ckpt");
  trainer.save_checkpoint(folder / "end_weights.ckpt", /*weights_only=*/true);
  return module;
}

// Lightning's numbers.
TEST_F(CheckpointFile, HasLightningsKeys) {
  five_batches(folder_);
  const course::Value file = course::read_torch_file(folder_ / "in_epoch_end.ckpt");
  const course::Dict& checkpoint = file.as_dict();
  for (const char* key :
       {"epoch", "global_step", "pytorch-lightning_version", "state_dict", "loops", "callbacks",
        "optimizer_states", "lr_schedulers", "hparams_name", "hyper_parameters"}) {
    EXPECT_NE(checkpoint.find(key), nullptr) << key;
  }
  EXPECT_EQ(checkpoint.at("epoch").as_int(), 0);
  EXPECT_EQ(checkpoint.at("global_step").as_int(), 5);
  EXPECT_EQ(checkpoint.at("hyper_parameters").as_dict().at("width").as_int(), 3);
  const course::Dict& loop = checkpoint.at("loops").as_dict().at("fit_loop").as_dict();
  const course::Dict& epochs = loop.at("epoch_progress").as_dict().at("current").as_dict();
  EXPECT_EQ(epochs.at("processed").as_int(), 1);
  EXPECT_EQ(epochs.at("completed").as_int(), 0);
  EXPECT_EQ(loop.at("epoch_loop.state_dict").as_dict().at("_batches_that_stepped").as_int(), 5);
  const course::Dict& scheduler = checkpoint.at("lr_schedulers").as_list()[0].as_dict();
  EXPECT_EQ(scheduler.at("last_epoch").as_int(), 1) << "it has stepped already";
  const course::Dict& group = checkpoint.at("optimizer_states")
                                  .as_list()[0]
                                  .as_dict()
                                  .at("param_groups")
                                  .as_list()[0]
                                  .as_dict();
  EXPECT_EQ(group.at("lr").as_double(), 0.05);
}

TEST_F(CheckpointFile, OfWeightsOnly) {
  const auto module = five_batches(folder_);
  const course::Value file = course::read_torch_file(folder_ / "end_weights.ckpt");
  for (const char* key : {"callbacks", "optimizer_states", "lr_schedulers"}) {
    EXPECT_EQ(file.as_dict().find(key), nullptr) << key;
  }
  EXPECT_NE(file.as_dict().find("hyper_parameters"), nullptr);
  Trainer trainer(quiet({.max_epochs = 2, .limit_val_batches = 0}));
  EXPECT_THAT(error_of([&] {
                trainer.fit(std::make_shared<Line>(), numbers(5), {},
                            {.ckpt_path = folder_ / "end_weights.ckpt"});
              }),
              AllOf(HasSubstr("end_weights.ckpt"), HasSubstr("contains only the model")));
  // Its weights can be had.
  const auto again = std::make_shared<Line>();
  load_checkpoint_into(*again, folder_ / "end_weights.ckpt");
  EXPECT_EQ(again->weight(), module->weight());
}

// Lightning's numbers.
TEST_F(CheckpointFile, OfAnEpochsEndGoesOnWithTheNext) {
  five_batches(folder_);
  for (const char* name : {"end.ckpt", "in_epoch_end.ckpt"}) {
    const auto module = std::make_shared<Line>();
    module->configure = [](const std::shared_ptr<torch::optim::SGD>& sgd) {
      return OptimizerConfig{
          .optimizer = sgd,
          .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(sgd, 1, 0.5)}};
    };
    Trainer trainer(quiet({.max_epochs = 3, .limit_val_batches = 0}));
    trainer.fit(module, numbers(5), {}, {.ckpt_path = folder_ / name});
    EXPECT_EQ(trainer.global_step(), 15);
    EXPECT_EQ(module->batches.size(), 10);
    EXPECT_EQ(module->rates.front(), 0.05) << "of the second epoch";
    EXPECT_EQ(module->rates.back(), 0.025);
    const auto straight = five_batches(folder_ / "straight", 3);
    EXPECT_EQ(module->weight(), straight->weight());
  }
  EXPECT_THAT(messages_.infos, Contains(HasSubstr("Restored all states from the checkpoint at")));
}

TEST_F(CheckpointFile, OfMoreEpochsThanThereAreToBe) {
  five_batches(folder_, 3);
  const auto go_on = [&](int64_t epochs) {
    const auto module = std::make_shared<Line>();
    module->configure = [](const std::shared_ptr<torch::optim::SGD>& sgd) {
      return OptimizerConfig{
          .optimizer = sgd,
          .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(sgd, 1, 0.5)}};
    };
    Trainer trainer(quiet({.max_epochs = epochs, .limit_val_batches = 0}));
    trainer.fit(module, numbers(5), {}, {.ckpt_path = folder_ / "end.ckpt"});
    return module->batches.size();
  };
  EXPECT_THAT(error_of([&] { go_on(2); }), AllOf(HasSubstr("completed 3 epochs"), HasSubstr("2")));
  EXPECT_EQ(go_on(3), 0);
  EXPECT_THAT(messages_.infos, Contains("Trainer.fit stopped: max_epochs=3 reached."));
}

TEST_F(Resumed, AWindowOfAccumulationGoesOn) {
  // loss = w x, lr .1, windows of 2: interrupted behind batch 1 of a window.
  const auto fit = [&](bool interrupt, const std::string& from) {
    const auto module = std::make_shared<Line>();
    module->on_step = [&](Line& self, const Batch&, int64_t batch_idx, auto&&...) {
      if (interrupt && batch_idx == 2 && self.global_step() == 1) raise(SIGTERM);
    };
    Trainer trainer(quiet({.callbacks = {callback<OnExceptionCheckpoint>({.dirpath = folder_})},
                           .max_epochs = 1,
                           .limit_val_batches = 0,
                           .enable_checkpointing = false,
                           .accumulate_grad_batches = 2}));
    try {
      trainer.fit(module, numbers(5), {}, {.ckpt_path = from});
      EXPECT_FALSE(interrupt);
    } catch (const Interrupted&) {
      EXPECT_TRUE(interrupt);
    }
    return module;
  };
  fit(/*interrupt=*/true, "");
  const course::Value file = course::read_torch_file(folder_ / "on_exception.ckpt");
  EXPECT_EQ(file.as_dict().at("global_step").as_int(), 1);
  const auto resumed = fit(false, folder_ / "on_exception.ckpt");
  EXPECT_THAT(resumed->batches, ElementsAre(3, 4));
  EXPECT_NEAR(resumed->weight(), .25, 1e-6) << "1, .85, .85, .5, .25";
}

TEST_F(Resumed, AStoppedRunStaysStopped) {
  const auto fit = [&](const std::string& from) {
    const auto module = std::make_shared<Line>();
    module->on_epoch_end = [](Line& self) { self.log("m", 1.0); };
    Trainer trainer(quiet({.callbacks = {callback<EarlyStopping>({.monitor = "m", .patience = 1}),
                                         callback<ModelCheckpoint>({.dirpath = folder_})},
                           .max_epochs = 9,
                           .limit_val_batches = 0}));
    trainer.fit(module, numbers(1), {}, {.ckpt_path = from});
    return trainer.current_epoch();
  };
  EXPECT_EQ(fit(""), 2);
  EXPECT_EQ(fit(folder_ / "epoch=1-step=2.ckpt"), 2);
}

TEST_F(Resumed, FromTheLastAndTheBest) {
  const auto fit = [&](const std::string& ckpt_path, int64_t epochs) {
    const auto module = std::make_shared<Line>();
    module->on_epoch_end = [](Line& self) { self.log("m", self.current_epoch() == 1 ? 1.0 : 2.0); };
    const auto check =
        callback<ModelCheckpoint>({.dirpath = folder_, .monitor = "m", .save_last = SaveLast::yes});
    Trainer trainer(quiet({.callbacks = {check}, .max_epochs = epochs, .limit_val_batches = 0}));
    trainer.fit(module, numbers(2), {}, {.ckpt_path = ckpt_path});
    const auto scores = trainer.test(module, numbers(1), {.verbose = false, .ckpt_path = "best"});
    EXPECT_EQ(trainer.ckpt_path(), check->best_model_path());
    return trainer.global_step();
  };
  EXPECT_EQ(fit("last", 3), 6);
  EXPECT_THAT(messages_.warnings, Contains(HasSubstr("there is no last checkpoint")));
  messages_.infos.clear();
  EXPECT_EQ(fit("last", 4), 8);
  EXPECT_THAT(messages_.infos, Contains(HasSubstr("last.ckpt")));
  Trainer none(quiet({.max_epochs = 1, .limit_val_batches = 0}));
  EXPECT_THAT(
      error_of([&] { none.fit(std::make_shared<Line>(), numbers(1), {}, {.ckpt_path = "best"}); }),
      HasSubstr("no ModelCheckpoint"));
}

// The README's.
TEST_F(Resumed, AsTheReadmeSays) {
  using Classifier = Line;
  const fs::path& folder = folder_;
  const auto train = numbers(3), val = numbers(2), test = numbers(1);
  TrainerOptions options = quiet({.max_epochs = 2});
  options.enable_checkpointing = true;
  std::shared_ptr<Classifier> module;
  for (int run = 0; run < 2; ++run, options.max_epochs = 3) {
    module = std::make_shared<Classifier>();
    module->on_validation = [](Line& self, auto&&...) { self.log("val_loss", self.weight()); };
    // region checkpoint
    options.callbacks = {lit::callback<lit::ModelCheckpoint>(
        {.dirpath = folder, .monitor = "val_loss", .save_last = lit::SaveLast::yes})};
    lit::Trainer trainer(options);
    trainer.fit(module, train, val, {.ckpt_path = "last"});
    trainer.test(module, test, {.ckpt_path = "best"});
    const auto kept = lit::load_from_checkpoint<Classifier>(folder / "last.ckpt");
    // endregion
    EXPECT_EQ(trainer.global_step(), run == 0 ? 6 : 9);
    EXPECT_EQ(module->batches.size(), run == 0 ? 6 : 3);
    EXPECT_EQ(kept->weight(), module->weight());
  }
}

TEST_F(Resumed, WithTheAveragesOfWeights) {
  const auto fit = [&](int64_t epochs, const std::string& from) {
    const auto module = std::make_shared<Line>();
    Trainer trainer(quiet({.callbacks = {callback<EMAWeightAveraging>({.decay = .5}),
                                         callback<ModelCheckpoint>({.dirpath = folder_})},
                           .max_epochs = epochs,
                           .limit_val_batches = 0}));
    trainer.fit(module, numbers(2), {}, {.ckpt_path = from});
    return module->weight();
  };
  fit(1, "");  // weights .9, .7; average .8
  const course::Value file = course::read_torch_file(folder_ / "epoch=0-step=2.ckpt");
  const auto weight = [&](const char* key) {
    return file.as_dict().at(key).as_dict().at("w").as_tensor().item<double>();
  };
  EXPECT_NEAR(weight("state_dict"), .8, 1e-6);
  EXPECT_NEAR(weight("current_model_state"), .7, 1e-6);
  EXPECT_NEAR(fit(2, folder_ / "epoch=0-step=2.ckpt"), .55, 1e-6) << "as in one run";
}

// --- Modules from files -----------------------------------------------------------------------

class Sized : public LightningModule {
 public:
  explicit Sized(const course::Dict& hparams) {
    save_hyperparameters(hparams);
    width = hparams.at("width").as_int();
    layer = register_module("layer", torch::nn::Linear(width, 1));
  }
  void on_load_checkpoint(course::Dict& checkpoint) override {
    loaded = checkpoint.find("global_step") != nullptr;
  }
  int64_t width;
  bool loaded = false;
  torch::nn::Linear layer{nullptr};
};

TEST_F(CheckpointFile, MakesAModule) {
  const Sized before({{"width", 4}, {"dropout", .5}});
  course::write_torch_file(folder_ / "a.ckpt",
                           course::Dict{{"state_dict", course::state_dict(before)},
                                        {"global_step", 1},
                                        {"hyper_parameters", before.hparams()}});
  const auto module = load_from_checkpoint<Sized>(folder_ / "a.ckpt", {{"dropout", .1}});
  EXPECT_EQ(module->width, 4);
  EXPECT_TRUE(module->loaded);
  EXPECT_EQ(module->hparams().at("dropout").as_double(), .1);
  EXPECT_TRUE(torch::equal(module->layer->weight, before.layer->weight));
  EXPECT_THAT(error_of([&] {
                load_from_checkpoint<Sized>(folder_ / "a.ckpt", {{"width", 5}});
              }),
              AllOf(HasSubstr("a.ckpt cannot be loaded"), HasSubstr("layer.weight ([1, 4]")));
  EXPECT_THAT(error_of([&] { load_from_checkpoint<Line>(folder_ / "a.ckpt"); }),
              AllOf(HasSubstr("missing: w"), HasSubstr("not in the model: layer.weight")));
  load_from_checkpoint<Line>(folder_ / "a.ckpt", {}, {.strict = false});
  EXPECT_THAT(messages_.warnings, Contains(HasSubstr("missing: w")));
}

TEST_F(CheckpointFile, AStateDictByItselfIsOne) {
  Line before;
  {
    const torch::NoGradGuard no_grad;
    before.w.fill_(7);
  }
  course::write_torch_file(folder_ / "w.pt", course::state_dict(before));
  EXPECT_EQ(load_from_checkpoint<Line>(folder_ / "w.pt")->weight(), 7);
  const auto module = std::make_shared<Line>();
  Trainer trainer(quiet());
  trainer.test(module, numbers(1), {.verbose = false, .ckpt_path = folder_ / "w.pt"});
  EXPECT_EQ(module->weight(), 7);
}

TEST_F(CheckpointFile, BadOnesAreRefusedByTheTrainer) {
  const auto fit = [&](const fs::path& path) {
    return error_of([&] {
      Trainer trainer(quiet({.max_epochs = 2, .limit_val_batches = 0}));
      trainer.fit(std::make_shared<Line>(), numbers(5), {}, {.ckpt_path = path});
    });
  };
  EXPECT_THAT(fit(folder_ / "none.ckpt"), HasSubstr("none.ckpt"));
  EXPECT_THAT(fit(folder_), HasSubstr(folder_.string()));
  std::ofstream(folder_ / "text.ckpt") << "no checkpoint";
  EXPECT_THAT(fit(folder_ / "text.ckpt"), HasSubstr("text.ckpt"));
  course::write_torch_file(folder_ / "list.ckpt", course::List{1});
  EXPECT_THAT(fit(folder_ / "list.ckpt"),
              HasSubstr("is no checkpoint that can be used: it has no"));
  course::write_torch_file(folder_ / "new.ckpt",
                           course::Dict{{"state_dict", course::Dict{}}, {"lit_format", 99}});
  EXPECT_THAT(fit(folder_ / "new.ckpt"), AllOf(HasSubstr("newer version"), HasSubstr("99")));

  // Every key of a good one, taken away or of another kind: one sentence, with the path in it.
  five_batches(folder_);
  const course::Value good = course::read_torch_file(folder_ / "end.ckpt");
  for (const auto& [key, value] : good.as_dict()) {
    for (const bool removed : {true, false}) {
      SCOPED_TRACE(key.as_string() + (removed ? " removed" : " replaced"));
      course::Dict bad;
      for (const auto& [name, content] : good.as_dict()) {
        if (name.as_string() != key.as_string()) {
          bad.set(name, content);
        } else if (!removed) {
          bad.set(name, course::List{"nonsense"});
        }
      }
      course::write_torch_file(folder_ / "bad.ckpt", bad);
      const auto module = std::make_shared<Line>();
      module->configure = [](const std::shared_ptr<torch::optim::SGD>& sgd) {
        return OptimizerConfig{
            .optimizer = sgd,
            .lr_scheduler = LRSchedulerConfig{.scheduler = std::make_shared<StepLR>(sgd, 1, 0.5)}};
      };
      Trainer trainer(quiet({.max_epochs = 2, .limit_val_batches = 0}));
      try {
        trainer.fit(module, numbers(5), {}, {.ckpt_path = folder_ / "bad.ckpt"});
      } catch (const Error& error) {
        EXPECT_THAT(error.what(), HasSubstr("bad.ckpt"));
      }
    }
  }
}

}  // namespace
}  // namespace lit
