// What a checkpoint holds is not believed: a number out of its range, a tensor of another shape and
// a key with something else are one sentence, before anything was written.
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>

#include "../common/temporary_folder.h"
#include "full_run.h"
#include "lit/checkpoint.h"
#include "remove_tree.h"
#include "serialize/optimizer_state.h"
#include "serialize/torch_file.h"
#include "testing.h"

namespace lit {
namespace {

namespace fs = std::filesystem;
using course::Dict;
using course::List;
using course::Tuple;
using course::Value;
using ::testing::Contains;
using testing::Edit;
using testing::edited;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Messages;
using ::testing::Not;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kHuge = int64_t{1} << 62, kLargest = std::numeric_limits<int64_t>::max();

// Where in the tree, what is put there (none: the key is taken out), and a part of the sentence.
struct Mutation {
  std::string path;
  std::optional<Value> bad;
  std::string says;
};

torch::Tensor whole_tensor(std::vector<int64_t> sizes) {
  return torch::zeros(sizes, torch::kInt64);
}

// A generator that would read behind its numbers: 624 are left, from the 600th of 624 on. Where its
// counters lie in the state is libtorch's own business; it has been so since 1.5.
torch::Tensor generator_past_its_end() {
  torch::Tensor state = generator_state(torch::kCPU).clone();
  auto* bytes = state.data_ptr<uint8_t>();
  const int32_t left = 624;
  const uint64_t next = 600;
  std::memcpy(bytes + 8, &left, sizeof left);
  std::memcpy(bytes + 16, &next, sizeof next);
  return state;
}

std::vector<Mutation> mutations() {
  const std::string loop = "loops/fit_loop/", own = loop + "lit/";
  const std::string group = "optimizer_states/0/param_groups/0/",
                    state = "optimizer_states/0/state/0/";
  const std::string scheduler = "lr_schedulers/0/", called = "callbacks/";
  const Value wrong = torch::zeros({7});
  return {
      {"lit_format", Value(), "whole number"},
      {"lit_format", -1, "-1"},
      {"global_step", -1, "-1"},
      {"global_step", kHuge, "4611686018427387904"},
      {"global_step", Value(), "None"},
      {"global_step", 1.5, "1.5"},
      {"global_step", "many", "a string"},
      {"global_step", torch::tensor({1.5}), "1.5"},
      {"global_step", torch::ones({2}), "[2]"},
      {"loops", Value(), "a dict"},
      {"callbacks", 3, "a dict"},
      {"optimizer_states", Dict(), "a list"},
      {"lr_schedulers", "x", "a list"},
      // The loop.
      {loop + "epoch_loop.state_dict/_batches_that_stepped", -1, "-1"},
      {loop + "epoch_loop.state_dict/_batches_that_stepped", kLargest, "9223372036854775807"},
      {loop + "epoch_progress/current/completed", -1, "-1"},
      {loop + "epoch_progress/current/completed", kLargest, "9223372036854775807"},
      {own + "place", "nowhere", "nowhere"},
      {own + "place", 5, "a string"},
      {own + "batches_done", -1, "-1"},
      {own + "batches_done", kHuge, "4611686018427387904"},
      {own + "batches_done", 0, "0"},  // after a batch
      {own + "total_batch_idx", -2, "-2"},
      {own + "total_batch_idx", kLargest, "9223372036854775807"},
      {own + "is_last_batch", Value(), "None"},
      {own + "told_of_minimum", 1, "1"},
      {own + "validation_batches", Value(), "None"},
      {own + "validation_batches/seen", Value(), "None"},
      {own + "validation_batches/seen", List{-1}, "-1"},
      {own + "validation_batches/seen", List{kLargest}, "9223372036854775807"},
      {own + "callback_metrics", List{}, "a list"},
      {own + "callback_metrics/val_loss", 1.0, "a dict"},
      {own + "callback_metrics/val_loss/value", Value(), "None"},
      {own + "logged_metrics", 2, "2"},
      {own + "metrics", Value(), "None"},
      {own + "metrics/accuracy", Value(), "None"},
      {own + "metrics/accuracy/update_count", -1, "-1"},
      {own + "metrics/accuracy/update_count", kLargest, "9223372036854775807"},
      {own + "metrics/accuracy/tp", whole_tensor({3}), "[3]"},
      {own + "metrics/accuracy/tp", torch::zeros({2}), "Float"},
      {own + "metrics/accuracy/tp", 4, "4"},
      {own + "metrics/auroc/preds", List{torch::zeros({4, 2}), torch::zeros({4, 3})}, "preds"},
      {own + "metrics/auroc/preds", List{torch::zeros({4, 2})}, "preds"},
      {own + "metrics/auroc/preds/1", torch::zeros({4, 3}), "[4, 3]"},
      {own + "metrics/auroc/target/1", torch::zeros({4}), "target"},
      {own + "metrics/auroc/target/1", whole_tensor({}), "target"},
      {own + "metrics/auroc/preds", torch::zeros({12, 2}), "a list"},
      {own + "metrics/auroc/target", List{torch::zeros({12})}, "target"},
      {own + "metrics/auroc/target", List{3}, "3"},
      {own + "metrics/auroc/target", List{whole_tensor({})}, "1"},
      {own + "metrics/none", Dict(), "none"},
      {own + "results/entries/0/weight", -2, "-2"},
      {own + "results/entries/0/weight", kLargest, "9223372036854775807"},
      {own + "results/entries/0/loader", -2, "-2"},
      {own + "results/entries/0/source", -2, "-2"},
      {own + "results/entries/0/hook", "on_tea", "on_tea"},
      {own + "results/entries/0/batch_size", -1, "-1"},
      {own + "results/entries/0/reduce_fx", 4, "4"},
      {own + "results/entries/0/sum/value", "x", "a string"},
      {own + "results/entries/0/on_step", Value(), "None"},
      {own + "results/entries/1/metric", "none", "none"},
      {own + "loader", Value(), "None"},
      {own + "loader/position", -1, "-1"},
      {own + "loader/position", kHuge, "4611686018427387904"},
      {own + "loader/epoch", -1, "-1"},
      {own + "loader/epoch", kLargest, "9223372036854775807"},
      {own + "loader/batch_size", Value(), "None"},
      {own + "gradients", List{}, "a list"},
      {own + "gradients/head.weight", wrong, "[7]"},
      {own + "gradients/head.weight", torch::zeros({2, 3}, torch::kFloat64), "Double"},
      {own + "gradients/head.weight", Value(), "None"},
      {own + "gradients/none", wrong, "none"},
      {own + "random", Value(), "None"},
      {own + "random/cpu", Value(), "None"},
      {own + "random/cpu", torch::zeros({3}, torch::kUInt8), "cpu"},
      {own + "random/cpu", torch::zeros({5056}), "cpu"},
      {own + "random/cpu", torch::zeros({5056}, torch::kUInt8), "cpu"},
      {own + "random/cpu", generator_past_its_end(), "cpu"},
      // The optimizer.
      {"optimizer_states/0", 3, "3"},
      {"optimizer_states/0/param_groups", List{}, "0 parameter groups"},
      {"optimizer_states/0/state", Value(), "None"},
      {group + "lr", kNan, "nan"},
      {group + "lr", kInfinity, "inf"},
      {group + "lr", -0.1, "-0.1"},
      {group + "lr", 1e300, "1e+300"},
      {group + "lr", Value(), "None"},
      {group + "lr", std::nullopt, "lr"},
      {group + "betas", Tuple{{2.0, 0.999}}, "2.0"},
      {group + "betas", Tuple{{0.9, 1.0}}, "1.0"},
      {group + "betas", Tuple{{kNan, 0.999}}, "nan"},
      {group + "betas", List{0.9}, "two numbers"},
      {group + "betas", Value(), "None"},
      {group + "eps", kNan, "nan"},
      {group + "eps", -1e-8, "-1e-08"},
      {group + "weight_decay", -1.0, "-1.0"},
      {group + "weight_decay", kInfinity, "inf"},
      {group + "amsgrad", Value(), "None"},
      {group + "params", List{7, 8}, "parameter 0"},
      {group + "params", List{0, 0}, "0"},
      {group + "params", List{"a", "b"}, "a string"},
      {state + "step", -1, "-1"},
      {state + "step", kHuge, "4611686018427387904"},
      {state + "step", torch::tensor(kNan), "nan"},
      {state + "step", torch::tensor({1e30}, torch::kFloat64), "1e+30"},
      {state + "step", torch::ones({2}), "[2]"},
      {state + "exp_avg", wrong, "[7]"},
      {state + "exp_avg", whole_tensor({2, 3}), "Long"},
      {state + "exp_avg", 0.5, "0.5"},
      {state + "exp_avg_sq", Value(), "exp_avg_sq"},
      {state + "max_exp_avg_sq", std::nullopt, "amsgrad"},
      {state + "max_exp_avg_sq", Value(), "amsgrad"},
      // Schedulers.
      {"lr_schedulers/0", Value(), "None"},
      {scheduler + "last_epoch", -2, "-2"},
      {scheduler + "last_epoch", kLargest, "9223372036854775807"},
      {scheduler + "base_lrs", List{kNan}, "nan"},
      {scheduler + "base_lrs", List{0.1, 0.1, 0.1}, "3"},
      {scheduler + "base_lrs", List{}, "0"},
      {scheduler + "_last_lr", List{-1.0}, "-1.0"},
      {scheduler + "_last_lr", List{0.1, 0.1, 0.1, 0.1}, "4"},
      {scheduler + "_schedulers", Value(), "None"},
      {scheduler + "_schedulers/0", 1, "1"},
      {scheduler + "_schedulers/1/T_cur", -1, "-1"},
      {scheduler + "_schedulers/1/T_cur", 4, "4"},
      {scheduler + "_schedulers/1/T_i", 0, "0"},
      {scheduler + "_schedulers/1/T_i", kHuge, "4611686018427387904"},
      // Callbacks.
      {called + "EarlyStopping*", Value(), "None"},
      {called + "EarlyStopping*/wait_count", -1, "-1"},
      {called + "EarlyStopping*/wait_count", kLargest, "9223372036854775807"},
      {called + "EarlyStopping*/stopped_epoch", -1, "-1"},
      {called + "EarlyStopping*/best_score", kNan, "nan"},
      {called + "EarlyStopping*/best_score", wrong, "[7]"},
      {called + "EarlyStopping*/stopping_reason", 5, "5"},
      {called + "EarlyStopping*/stopping_reason", -1, "-1"},
      {called + "EarlyStopping*/stopping_reason_message", 5, "5"},
      {called + "EarlyStopping*/best_epoch", kHuge, "4611686018427387904"},
      {called + "Timer/time_elapsed", Value(), "None"},
      {called + "Timer/time_elapsed/train", kNan, "nan"},
      {called + "Timer/time_elapsed/train", -1.0, "-1.0"},
      {called + "Timer/time_elapsed/train", 1e300, "1e+300"},
      {called + "NaNGuard/skipped", -1, "-1"},
      {called + "NaNGuard/in_a_row", kLargest, "9223372036854775807"},
      {called + "HtmlReport/seconds", kInfinity, "inf"},
      {called + "HtmlReport/seconds", -1.0, "-1.0"},
      {called + "HtmlReport/curves", Value(), "None"},
      {called + "HtmlReport/curves/val_loss", torch::zeros({3}), "[3]"},
      {called + "HtmlReport/curves/val_loss", whole_tensor({1, 2}), "Long"},
      {called + "HtmlReport/curves/val_loss", torch::full({1, 2}, kNan, torch::kFloat64), "nan"},
      {called + "HtmlReport/curves/val_loss", torch::full({1, 2}, 1e300, torch::kFloat64),
       "1e+300"},
      {called + "HtmlReport/curves/val_loss", List{List{kLargest, 1.0}}, "9223372036854775807"},
      {called + "HtmlReport/curves", Dict{{"m", List{List{1}}}}, "two numbers"},
      {called + "ModelCheckpoint*/dirpath", Value(), "None"},
      {called + "ModelCheckpoint*/best_k_models", List{}, "a list"},
      {called + "ModelCheckpoint*/best_k_models/*", Value(), "None"},
      {called + "ModelCheckpoint*/best_k_models/*", kNan, "nan"},
      {called + "ModelCheckpoint*/best_model_score", kNan, "nan"},
      {called + "ModelCheckpoint*/best_model_path", 3, "3"},
      {called + "ModelCheckpoint*/current_score", "x", "a string"},
      {called + "ModelCheckpoint*/kth_value", wrong, "[7]"},
      {called + "ModelCheckpoint*/kth_best_model_path", std::string("a\0b", 3), "no path"},
      {called + "ModelCheckpoint*/last_model_path", std::string("a\0b", 3), "no path"},
      {called + "ModelCheckpoint*/last_global_step_saved", -1, "-1"},
      {called + "ModelCheckpoint*/last_step_of_last", kLargest, "9223372036854775807"},
      {called + "ModelCheckpoint*/last_saved", Value(), "None"},
      {called + "ModelCheckpoint*/deferred", 0, "0"},
      {called + "BackboneFinetuning/previous_backbone_lr", kNan, "nan"},
      {called + "BackboneFinetuning/previous_backbone_lr", -1.0, "-1.0"},
      {called + "BackboneFinetuning/unfrozen", Value(), "None"},
      {called + "BackboneFinetuning/unfrozen", List{3}, "3"},
      {called + "BackboneFinetuning/internal_optimizer_metadata", 1, "1"},
      {called + "BackboneFinetuning/internal_optimizer_metadata", Dict{{-1, List{}}}, "-1"},
      {called + "BackboneFinetuning/internal_optimizer_metadata", Dict{{5, List{}}}, "optimizers"},
      {called + "BackboneFinetuning/internal_optimizer_metadata",
       List{Dict{{"optimizer", -1}, {"params", List{}}}}, "-1"},
      {called + "BackboneFinetuning/internal_optimizer_metadata",
       List{Dict{{"optimizer", 5}, {"params", List{}}}}, "optimizers"},
      {called + "BackboneFinetuning/internal_optimizer_metadata/0/1/params/0", "none", "none"},
      {called + "BackboneFinetuning/internal_optimizer_metadata/0/1/params/0", 3, "3"},
      {called + "EMAWeightAveraging/latest_update_step", -1, "-1"},
      {"averaging_state/n_averaged", -1, "-1"},
      {"averaging_state/n_averaged", kLargest, "9223372036854775807"},
      {"averaging_state", Value(), "None"},
      {"state_dict/head.weight", wrong, "[7]"},
      {"current_model_state", std::nullopt, "current_model_state"},
      {"current_model_state/head.weight", wrong, "[7]"},
  };
}

class RestoredValues : public ::testing::Test {
 protected:
  void SetUp() override {
    testing::run({.folder = folder_ / "run", .save = (folder_ / "run/full.ckpt").string()});
    good_ = course::read_torch_file(folder_ / "run/full.ckpt");
  }
  std::map<std::string, std::string> files() const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(folder_ / "run")) {
      if (entry.is_regular_file()) {
        found[entry.path().string()] = course::testing::bytes_of(entry.path());
      }
    }
    return found;
  }
  // Goes on from a checkpoint in which something is another.
  void resume_with(const std::string& path, const Edit& edit) {
    course::write_torch_file(folder_ / "bad.ckpt", edited(good_, path, edit));
    testing::run({.folder = folder_ / "run", .from = (folder_ / "bad.ckpt").string()});
  }
  // The last part of a path that is a name.
  static std::string name_in(const std::string& path) {
    std::string name;
    for (size_t begin = 0; begin < path.size();) {
      const size_t end = std::min(path.find('/', begin), path.size());
      const std::string part = path.substr(begin, end - begin);
      if (part != "*" && std::isdigit(part.front()) == 0) name = part;
      begin = end + 1;
    }
    return name.back() == '*' ? name.substr(0, name.size() - 1) : name;
  }

  const course::testing::TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
  Messages messages_;
  Value good_;
};

TEST_F(RestoredValues, WhatIsOutOfRangeIsOneSentenceAndNothingIsWritten) {
  const auto kept = files();
  for (const Mutation& row : mutations()) {
    SCOPED_TRACE(row.path + " with " + row.says);
    const std::string error =
        error_of([&] { resume_with(row.path, [&](const Value&) { return row.bad; }); });
    EXPECT_THAT(error, HasSubstr("bad.ckpt"));
    EXPECT_THAT(error, HasSubstr(name_in(row.path)));
    EXPECT_THAT(error, HasSubstr(row.says));
    EXPECT_THAT(error, Not(HasSubstr("Exception raised"))) << "libtorch's own";
    EXPECT_TRUE(files() == kept);
  }
}

// A key may hold what moves the cursor or begins a line.
TEST_F(RestoredValues, WhatATerminalWouldObeyIsShown) {
  const std::string bad = "x\x1b[2J\nerror: y";
  const auto add = [&](const Value& dict) {
    Dict more = dict.as_dict();
    more.set(bad, Dict{{"a", 1}});
    return more;
  };
  EXPECT_THAT(error_of([&] { resume_with("loops/fit_loop/lit/metrics", add); }),
              HasSubstr("x\\x1b[2J\\nerror: y"));
  messages_.warnings.clear();
  resume_with("callbacks", add);
  EXPECT_THAT(messages_.warnings, Contains(HasSubstr("x\\x1b[2J\\nerror: y")));
  for (const std::string& text : messages_.warnings) EXPECT_EQ(text.find('\x1b'), text.npos);
}

// Other spellings of what is right: Python's tensors of no dimension, whole numbers for numbers,
// moments of a run that has diverged, a rounding error below a rate of 0.
TEST_F(RestoredValues, OtherSpellingsGoOn) {
  const std::string group = "optimizer_states/0/param_groups/0/",
                    state = "optimizer_states/0/state/0/";
  const std::vector<std::pair<std::string, Value>> all{
      {group + "lr", torch::tensor(0.05)},
      {group + "lr", 1},
      {group + "lr", -1e-19},
      {group + "betas", List{0.9, 0.999}},
      {group + "weight_decay", 0},
      {state + "step", 3},
      {state + "exp_avg", torch::full({2, 3}, kNan)},
      {state + "exp_avg", torch::zeros({2, 3}, torch::kFloat64)},
      {"lr_schedulers/0/base_lrs", List{1}},
      {"lr_schedulers/0/_last_lr", List{torch::tensor(0.05), -1e-19}},
      {"callbacks/EarlyStopping*/best_score", torch::tensor(kInfinity)},
      {"callbacks/EarlyStopping*/stopping_reason_message", Value()},
      {"callbacks/ModelCheckpoint*/best_model_score", torch::tensor(0.5)},
      {"callbacks/ModelCheckpoint*/current_score", Value()},
      {"callbacks/Timer/time_elapsed/train", 5},
      {"loops/fit_loop/lit/callback_metrics/val_loss/value", kNan},
      {"averaging_state/n_averaged", torch::tensor(int64_t{3})}};
  for (const auto& [path, value] : all) {
    SCOPED_TRACE(path);
    EXPECT_NO_THROW(resume_with(path, [&, &value = value](const Value&) { return value; }));
  }
}

// Lightning's checkpoints have counters alone: the batches before are passed over.
TEST_F(RestoredValues, BatchesArePassedOverUpToTheLoadersEnd) {
  good_ = edited(good_, "loops/fit_loop/lit", [](const Value&) { return std::nullopt; });
  const std::string progress = "loops/fit_loop/epoch_loop.batch_progress/";
  const auto refused = [&](const std::string& path, int64_t number) {
    return error_of([&] { resume_with(path, [&](const Value&) { return Value(number); }); });
  };
  for (const std::string path : {"current/processed", "total/processed"}) {
    EXPECT_THAT(refused(progress + path, -1), HasSubstr("processed is -1"));
    EXPECT_THAT(refused(progress + path, kHuge), HasSubstr("processed is 4611686018427387904"));
  }
  const std::string past = refused(progress + "current/processed", 6);
  EXPECT_THAT(past, HasSubstr("bad.ckpt"));
  EXPECT_THAT(past, HasSubstr("after 6 batches"));
  EXPECT_THAT(past, HasSubstr("only 5"));
  EXPECT_THAT(refused(progress + "current/processed", int64_t{1} << 53),
              HasSubstr("after 9007199254740992 batches"));
  EXPECT_NO_THROW(resume_with("epoch", [](const Value&) { return Value(1); }));
}

// Where nobody knows how many batches there are.
TEST(RestoredCounts, AnUnsizedLoaderEndsTheSearchToo) {
  const course::testing::TemporaryFolder temporary;
  const auto fit = [](const std::shared_ptr<testing::ListLoader>& loader, int64_t epochs,
                      const std::string& from) {
    auto trainer = std::make_unique<Trainer>(testing::quiet({.max_epochs = epochs}));
    trainer->fit(std::make_shared<testing::Line>(), loader, {}, {.ckpt_path = from});
    return trainer;
  };
  const fs::path file = temporary.path() / "lightning.ckpt";
  fit(testing::numbers(3, 1, /*sized=*/false), 1, "")->save_checkpoint(file);
  Value tree = course::read_torch_file(file);
  tree = edited(tree, "loops/fit_loop/lit", [](const Value&) { return std::nullopt; });
  tree = edited(tree, "loops/fit_loop/epoch_progress/current/ready",
                [](const Value&) { return Value(2); });  // another epoch has begun
  tree = edited(tree, "loops/fit_loop/epoch_loop.batch_progress/current/processed",
                [](const Value&) { return Value(int64_t{1} << 50); });
  tree = edited(tree, "loops/fit_loop/epoch_loop.batch_progress/is_last_batch",
                [](const Value&) { return Value(false); });
  course::write_torch_file(file, tree);
  const std::string error =
      error_of([&] { fit(testing::numbers(3, 1, /*sized=*/false), 2, file.string()); });
  EXPECT_THAT(error, HasSubstr("lightning.ckpt"));
  EXPECT_THAT(error, HasSubstr("only 3"));
}

// --- States that are in no file of the run above -------------------------------------------------

template <typename Stateful>
std::string refused(Stateful&& one, const std::string& path, const Value& bad) {
  const Value state = one.state_dict();
  try {
    one.load_state_dict(edited(state, path, [&](const Value&) { return bad; }).as_dict());
  } catch (const course::Error& error) {
    return error.what();
  }
  ADD_FAILURE() << path << " was believed";
  return "";
}

std::shared_ptr<torch::optim::Optimizer> sgd() {
  return std::make_shared<torch::optim::SGD>(std::vector<torch::Tensor>{torch::ones({2})}, 0.1);
}

TEST(RestoredSchedulers, OfEachKind) {
  ReduceLROnPlateau plateau(sgd());
  EXPECT_THAT(refused(plateau, "best", kNan), HasSubstr("best is nan"));
  EXPECT_THAT(refused(plateau, "best", Value()), HasSubstr("best is None"));
  EXPECT_THAT(refused(plateau, "num_bad_epochs", -1), HasSubstr("num_bad_epochs is -1"));
  EXPECT_THAT(refused(plateau, "num_bad_epochs", kLargest), HasSubstr("num_bad_epochs"));
  EXPECT_THAT(refused(plateau, "cooldown_counter", -1), HasSubstr("cooldown_counter is -1"));
  StepLR step(sgd(), 2);
  EXPECT_THAT(refused(step, "last_epoch", kLargest), HasSubstr("last_epoch"));
  // It indexes its functions by the number of rates.
  LambdaLR lambda(sgd(), [](int64_t) { return 1.0; });
  EXPECT_THAT(refused(lambda, "base_lrs", List{0.1, 0.1}), HasSubstr("base_lrs"));
}

TEST(RestoredOptimizers, WhatTheirOptionsNeedIsThere) {
  const auto refuses = [](torch::optim::Optimizer& optimizer, const std::string& path,
                          const std::optional<Value>& bad) {
    const Value state = course::optimizer_state_dict(optimizer);
    try {
      course::load_optimizer_state_dict(
          optimizer, edited(state, path, [&](const Value&) { return bad; }).as_dict());
    } catch (const course::Error& error) {
      return std::string(error.what());
    }
    ADD_FAILURE() << path << " was believed";
    return std::string();
  };
  const auto stepped = [](auto optimizer, torch::Tensor& parameter) {
    parameter.mutable_grad() = torch::ones({2});
    optimizer->step();
    return optimizer;
  };
  torch::Tensor w = torch::ones({2}, torch::requires_grad());
  using namespace torch::optim;
  const auto rmsprop =
      stepped(std::make_shared<RMSprop>(std::vector<torch::Tensor>{w},
                                        RMSpropOptions(0.1).momentum(0.9).centered(true)),
              w);
  const std::string first = "state/0/", group = "param_groups/0/";
  EXPECT_THAT(refuses(*rmsprop, first + "momentum_buffer", std::nullopt), HasSubstr("momentum"));
  EXPECT_THAT(refuses(*rmsprop, first + "grad_avg", std::nullopt), HasSubstr("centered"));
  EXPECT_THAT(refuses(*rmsprop, group + "alpha", 2.0), HasSubstr("alpha is 2.0"));
  EXPECT_THAT(refuses(*rmsprop, group + "momentum", -0.1), HasSubstr("momentum is -0.1"));
  EXPECT_THAT(refuses(*rmsprop, "state/5", Dict()), HasSubstr("5"));
  const auto adagrad =
      stepped(std::make_shared<Adagrad>(std::vector<torch::Tensor>{w}, AdagradOptions(0.1)), w);
  EXPECT_THAT(refuses(*adagrad, group + "lr_decay", -1.0), HasSubstr("lr_decay is -1.0"));
  EXPECT_THAT(refuses(*adagrad, first + "sum", torch::zeros({3})), HasSubstr("sum"));
  const auto plain = stepped(std::make_shared<torch::optim::SGD>(std::vector<torch::Tensor>{w},
                                                                 SGDOptions(0.1).momentum(0.9)),
                             w);
  EXPECT_THAT(refuses(*plain, group + "dampening", kNan), HasSubstr("dampening is nan"));
  EXPECT_THAT(refuses(*plain, group + "nesterov", 3), HasSubstr("nesterov is 3"));
}

TEST(RestoredLoaders, OfTorchData) {
  const auto one = loader(torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
      torch::data::datasets::TensorDataset(torch::ones({6, 1}))
          .map(torch::data::transforms::Stack<torch::data::TensorExample>()),
      2));
  one->begin_epoch(0);
  one->next();
  const torch::Tensor random = generator_state(torch::kCPU);
  EXPECT_THAT(refused(*one, "position", -1), HasSubstr("position is -1"));
  EXPECT_THAT(refused(*one, "position", kHuge), HasSubstr("position is 4611686018427387904"));
  EXPECT_THAT(refused(*one, "generator", torch::zeros({4})), HasSubstr("generator"));
  EXPECT_THAT(refused(*one, "generator", generator_past_its_end()), HasSubstr("generator"));
  EXPECT_TRUE(torch::equal(random, generator_state(torch::kCPU)));
}

// --- Which files may go
// ---------------------------------------------------------------------------

class RestoredPaths : public RestoredValues {
 protected:
  fs::path write(const fs::path& file, const std::string& text) const {
    fs::create_directories(file.parent_path());
    std::ofstream(file) << text;
    return file;
  }
  // Goes on with two other files in the place of the best two and of the last.
  void resume_with_paths(const fs::path& kth, const fs::path& last) {
    Value tree = good_;
    const std::string state = "callbacks/ModelCheckpoint*/";
    const auto set = [&](const std::string& key, const Value& value) {
      tree = edited(tree, state + key, [&](const Value&) { return value; });
    };
    set("kth_best_model_path", kth.string());
    set("kth_value", 100.0);
    set("best_k_models", Dict{{kth.string(), 100.0}, {(folder_ / "none.ckpt").string(), 99.0}});
    set("last_model_path", last.string());
    set("last_saved", kth.string());
    course::write_torch_file(folder_ / "changed.ckpt", tree);
    testing::run({.folder = folder_ / "run", .from = (folder_ / "changed.ckpt").string()});
  }
  const fs::path kept_ = folder_ / "run/checkpoints";
};

TEST_F(RestoredPaths, ThatAreNoCheckpointsStayWithOneWarning) {
  const fs::path notes = write(kept_ / "notes.txt", "mine"), weights = kept_ / "weights.ckpt";
  course::write_torch_file(weights, Dict{{"state_dict", Dict()}});  // no run's
  messages_.warnings.clear();
  resume_with_paths(notes, weights);
  EXPECT_EQ(course::testing::bytes_of(notes), "mine");
  EXPECT_TRUE(fs::exists(weights));
  const auto warned = [&](const std::string& name) {
    return std::count_if(
        messages_.warnings.begin(), messages_.warnings.end(),
        [&](const std::string& text) { return text.find(name) != std::string::npos; });
  };
  EXPECT_EQ(warned("notes.txt"), 1);
  EXPECT_EQ(warned("weights.ckpt"), 1);
}

TEST_F(RestoredPaths, AFolderAndALinkToSomethingElseStayToo) {
  const fs::path mine = write(folder_ / "mine.txt", "mine");
  fs::create_directories(kept_ / "empty");
  fs::create_symlink(mine, kept_ / "link.ckpt");
  resume_with_paths(kept_ / "empty", kept_ / "link.ckpt");
  EXPECT_TRUE(fs::exists(kept_ / "empty"));
  EXPECT_TRUE(fs::is_symlink(kept_ / "link.ckpt"));
  EXPECT_EQ(course::testing::bytes_of(mine), "mine");
}

TEST_F(RestoredPaths, BehindALinkedFolderNothingIsRemoved) {
  const fs::path elsewhere = folder_ / "elsewhere";
  fs::create_directories(elsewhere);
  fs::copy_file(folder_ / "run/full.ckpt", elsewhere / "a.ckpt");
  fs::copy_file(folder_ / "run/full.ckpt", elsewhere / "b.ckpt");
  fs::create_directory_symlink(elsewhere, kept_ / "linked");
  resume_with_paths(kept_ / "linked/a.ckpt", kept_ / "linked/b.ckpt");
  EXPECT_TRUE(fs::exists(elsewhere / "a.ckpt"));
  EXPECT_TRUE(fs::exists(elsewhere / "b.ckpt"));
}

TEST_F(RestoredPaths, CheckpointsOfARunBeforeMakeRoom) {
  const fs::path kth = kept_ / "kth.ckpt", last = kept_ / "older.ckpt";
  fs::copy_file(folder_ / "run/full.ckpt", kth);
  fs::copy_file(folder_ / "run/full.ckpt", last);
  resume_with_paths(kth, last);
  EXPECT_FALSE(fs::exists(kth));
  EXPECT_FALSE(fs::exists(last));
}

// A file of another kind that has the name of the next checkpoint is not written over.
TEST_F(RestoredPaths, AnotherKindOfFileIsNotWrittenOver) {
  course::remove_tree(kept_);
  const fs::path file = write(kept_ / "last.ckpt", "mine");
  resume_with_paths(file, file);
  EXPECT_EQ(course::testing::bytes_of(file), "mine");
  EXPECT_TRUE(fs::exists(kept_ / "last-v1.ckpt"));
}

}  // namespace
}  // namespace lit
