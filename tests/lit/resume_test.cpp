// Checkpoints of whole runs: what is in them, and that a run goes on from them as if nothing had
// been.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/lambda_callback.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/callbacks/on_exception_checkpoint.h"
#include "lit/callbacks/weight_averaging.h"
#include "lit/checkpoint.h"
#include "lit/metrics/classification.h"
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
  RunTest()
      : folder_(fs::path(::testing::TempDir()) /
                (std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()) +
                 std::to_string(getpid()))) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
  }
  ~RunTest() override { fs::remove_all(folder_); }

  const fs::path folder_;
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
  if (a.data().index() != b.data().index()) return at + ": another kind";
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

// Runs it in a process of its own, which kills itself behind that batch; or in the middle of
// writing that checkpoint.
void run_until_killed(const fs::path& folder, Setup setup, int64_t batch, bool mid_write) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int64_t count = 0;
    at::set_num_threads(1);
    setup.after_batch = [&] {
      if (++count != batch) return;
      if (!mid_write) raise(SIGKILL);
      // The next file that grows beyond this ends the process in the middle of write().
      const rlimit limit{8000, 8000}, none{0, 0};
      setrlimit(RLIMIT_CORE, &none);
      setrlimit(RLIMIT_FSIZE, &limit);
      signal(SIGXFSZ, SIG_DFL);
    };
    try {
      run(folder, setup, /*resume=*/false);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
    }
    _exit(1);  // it was to die before
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == (mid_write ? SIGXFSZ : SIGKILL)) << status;
}

struct Point {
  std::string name;
  Setup setup;
  int64_t batch;
  bool mid_write;
};

// Twenty runs and places to be killed at, from a seed.
std::vector<Point> points_to_die_at(unsigned seed) {
  std::mt19937 generator(seed);
  const auto any = [&](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(generator);
  };
  std::vector<Point> points;
  for (int i = 0; i < 20; ++i) {
    Setup setup;
    setup.accumulate = i % 4 == 1 ? 3 : 1;  // windows of 3, 3 and 1
    setup.by_metric = i % 5 == 2;
    setup.by_epoch = i % 2 == 0;
    if (i % 3 == 1) setup.val_check_interval = 0.5;
    if (i % 2 == 1) setup.every_n_train_steps = any(1, 4);
    const bool mid_write = i % 6 == 5;
    const int64_t batch = any(8, mid_write ? 20 : 30);
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

TEST_F(Resumed, AKilledRunEndsAsIfItHadNotBeen) {
  const unsigned seed = 20;
  RecordProperty("seed", static_cast<int>(seed));
  int number = 0;
  for (const Point& point : points_to_die_at(seed)) {
    SCOPED_TRACE(point.name);
    const fs::path straight = folder_ / ("straight" + std::to_string(number));
    const fs::path killed = folder_ / ("killed" + std::to_string(number++));
    run_until_killed(killed, point.setup, point.batch, point.mid_write);
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

}  // namespace
}  // namespace lit
