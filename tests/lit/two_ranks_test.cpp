// Two ranks in one process, by public headers alone: threads that exchange tensors in memory. It
// proves that every step, reduction, barrier and file of a run goes through its Strategy.
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include "../common/temporary_folder.h"
#include "lit/callbacks/early_stopping.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/loggers/csv_logger.h"
#include "testing.h"

namespace lit {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using testing::Messages;
using testing::quiet;
using torch::Tensor;

constexpr int64_t kRanks = 2;

// Where the ranks meet: each brings a tensor, and goes on when it has all of them.
class Exchange {
 public:
  std::vector<Tensor> gather(int64_t rank, const Tensor& mine) {
    std::unique_lock lock(mutex_);
    all_are_there_.wait(lock, [&] { return error_ || arrived_ < kRanks; });
    throw_if_poisoned();
    brought_[static_cast<size_t>(rank)] = mine;
    const int64_t round = round_;
    if (++arrived_ == kRanks) {
      taken_ = brought_;
      arrived_ = 0;
      ++round_;
      all_are_there_.notify_all();
    } else {
      all_are_there_.wait(lock, [&] { return error_ || round_ > round; });
      throw_if_poisoned();
    }
    return taken_;
  }
  // Whoever waits, or comes later, gets this error.
  void poison(const std::exception_ptr& error) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = error;
    all_are_there_.notify_all();
  }

 private:
  void throw_if_poisoned() const {
    if (error_) std::rethrow_exception(error_);
  }

  std::mutex mutex_;
  std::condition_variable all_are_there_;
  std::vector<Tensor> brought_{kRanks}, taken_;
  int64_t arrived_ = 0, round_ = 0;
  std::exception_ptr error_;
};

// Each rank takes its half of every batch, and the gradients of a step are the mean of both.
class TwoRanks : public Strategy {
 public:
  TwoRanks(Exchange& exchange, int64_t rank) : exchange_(exchange), rank_(rank) {}

  torch::Device root_device() const override { return torch::kCPU; }
  int64_t world_size() const override { return kRanks; }
  int64_t global_rank() const override { return rank_; }
  int64_t local_rank() const override { return rank_; }

  void barrier() override { exchange_.gather(rank_, {}); }
  bool any(bool value) override { return reduce(number(value), Reduce::max).item<double>() > 0; }
  bool all(bool value) override { return reduce(number(value), Reduce::min).item<double>() > 0; }
  Tensor reduce(const Tensor& tensor, Reduce by) override {
    const Tensor all = torch::stack(exchange_.gather(rank_, tensor.detach().clone()));
    switch (by) {
      case Reduce::mean:
        return all.mean(0);
      case Reduce::sum:
        return all.sum(0);
      case Reduce::min:
        return std::get<0>(all.min(0));
      case Reduce::max:
        return std::get<0>(all.max(0));
    }
    return all;
  }
  Tensor broadcast(const Tensor& tensor, int64_t from_rank) override {
    return exchange_.gather(rank_, tensor)[static_cast<size_t>(from_rank)];
  }
  void abort(const std::exception_ptr& error) override { exchange_.poison(error); }

  Batch batch_to_device(Batch batch) override {
    std::vector<Batch::Item> items;
    for (const Batch::Item& item : batch) {
      const int64_t half = item.tensor.size(0) / kRanks;
      items.push_back({item.name, item.tensor.narrow(0, rank_ * half, half)});
    }
    return Batch(std::move(items));
  }
  void gradients_are_there(LightningModule& module, torch::optim::Optimizer& optimizer) override {
    for (Tensor& parameter : module.parameters()) {
      parameter.mutable_grad() = reduce(parameter.grad(), Reduce::mean);
    }
    Strategy::gradients_are_there(module, optimizer);
  }

 private:
  static Tensor number(bool value) { return torch::full({}, value ? 1.0 : 0.0, torch::kFloat64); }

  Exchange& exchange_;
  int64_t rank_;
};

class Regression : public LightningModule {
 public:
  Regression() {
    torch::manual_seed(5);
    net_ = register_module("net", torch::nn::Sequential{torch::nn::Linear(4, 8), torch::nn::Tanh(),
                                                        torch::nn::Linear(8, 1)});
    to(torch::kFloat64);
  }
  StepOutput training_step(const Batch& batch, int64_t batch_idx) override {
    const Tensor loss = torch::mse_loss(net_->forward(batch[0]), batch[1]);
    log("train_loss", mean_of_ranks(loss), {.on_step = true, .on_epoch = true});
    if (on_batch) on_batch(batch_idx);
    return loss;
  }
  StepOutput validation_step(const Batch& batch, int64_t, int64_t) override {
    log("val_loss", mean_of_ranks(torch::mse_loss(net_->forward(batch[0]), batch[1])));
    return {};
  }
  Optimizers configure_optimizers() override {
    return std::make_shared<torch::optim::SGD>(parameters(), 0.05);
  }
  Tensor weights() const {
    std::vector<Tensor> all;
    for (const Tensor& parameter : parameters()) all.push_back(parameter.detach().flatten());
    return torch::cat(all);
  }
  std::function<void(int64_t batch_idx)> on_batch;

 private:
  Tensor mean_of_ranks(const Tensor& value) const {
    return trainer().strategy().reduce(value.detach(), Reduce::mean);
  }
  torch::nn::Sequential net_{nullptr};
};

course::InMemoryLoader points(bool shuffle) {
  // Without a generator, which both threads would share.
  const Tensor x = (torch::arange(384, torch::kFloat64) * 1.7).sin().reshape({96, 4});
  return {x, x.sum(1, true).sin(), {.batch_size = 16, .shuffle = shuffle, .seed = 3}};
}

struct Outcome {
  Tensor weights;
  int64_t epochs = 0;
  std::string error;
};

class TwoRanksOfOneRun : public ::testing::Test {
 protected:
  // @param strategy  nullptr: the usual one
  Outcome fit(const std::shared_ptr<Strategy>& strategy, const std::string& name,
              const std::shared_ptr<Regression>& module, int64_t max_epochs) {
    const auto table = std::make_shared<CSVLogger>(
        CSVLoggerOptions{.save_dir = folder_.path(), .name = name, .version = "run"});
    TrainerOptions options = quiet(
        {.logger = table,
         .callbacks = {lit::callback<ModelCheckpoint>(
                           {.dirpath = folder_.path() / name / "kept", .monitor = "val_loss"}),
                       lit::callback<EarlyStopping>(
                           {.monitor = "val_loss", .min_delta = 0.02, .patience = 1})},
         .max_epochs = max_epochs,
         .log_every_n_steps = 1});
    options.strategy = strategy;
    Outcome outcome;
    Trainer trainer(options);
    try {
      trainer.fit(module, points(/*shuffle=*/true), points(/*shuffle=*/false));
    } catch (const std::exception& error) {
      outcome.error = error.what();
    }
    outcome.weights = module->weights();
    outcome.epochs = trainer.current_epoch();
    return outcome;
  }

  // Both ranks, each in a thread.
  std::vector<Outcome> fit_with_two(
      const std::string& name, int64_t max_epochs,
      const std::function<void(int64_t rank, int64_t batch_idx)>& on_batch = nullptr) {
    Exchange exchange;
    std::vector<Outcome> outcomes(kRanks);
    std::vector<std::shared_ptr<Regression>> modules;
    for (int64_t rank = 0; rank < kRanks; ++rank) {
      modules.push_back(std::make_shared<Regression>());
      if (on_batch) modules.back()->on_batch = [=](int64_t batch) { on_batch(rank, batch); };
    }
    const auto run = [&](int64_t rank) {
      const auto place = static_cast<size_t>(rank);
      outcomes[place] =
          fit(std::make_shared<TwoRanks>(exchange, rank), name, modules[place], max_epochs);
    };
    std::thread other(run, 1);
    run(0);
    other.join();
    return outcomes;
  }

  std::vector<std::string> rows(const std::string& name) const {
    std::ifstream file(folder_.path() / name / "run" / "metrics.csv");
    std::vector<std::string> all;
    for (std::string line; std::getline(file, line);) all.push_back(line);
    return all;
  }

  const course::testing::TemporaryFolder folder_;
  Messages messages_;
};

TEST_F(TwoRanksOfOneRun, LearnWhatOneLearnsFromWholeBatches) {
  const auto module = std::make_shared<Regression>();
  const Tensor start = module->weights();
  const Outcome one = fit(nullptr, "one", module, 1);
  const std::vector<Outcome> two = fit_with_two("two", 1);
  ASSERT_EQ(one.error + two[0].error + two[1].error, "");
  EXPECT_GT((one.weights - start).abs().max().item<double>(), 1e-3) << "something was learned";
  EXPECT_LT((two[0].weights - one.weights).abs().max().item<double>(), 1e-12);
  EXPECT_TRUE(torch::equal(two[0].weights, two[1].weights)) << "both have the same, to the bit";
}

TEST_F(TwoRanksOfOneRun, WriteOneRowOneFileAndStopTogether) {
  const Outcome one = fit(nullptr, "one", std::make_shared<Regression>(), 50);
  messages_.infos.clear();
  const std::vector<Outcome> two = fit_with_two("two", 50);
  ASSERT_EQ(one.error + two[0].error + two[1].error, "");
  EXPECT_LT(one.epochs, 50) << "EarlyStopping has stopped it";
  EXPECT_EQ(two[0].epochs, one.epochs);
  EXPECT_EQ(two[1].epochs, one.epochs);
  EXPECT_EQ(rows("two").size(), rows("one").size()) << "one row for each logged value";
  EXPECT_GT(rows("two").size(), 6);
  EXPECT_EQ(rows("two")[0], rows("one")[0]);
  const auto files = [&](const std::string& name) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_.path() / name / "kept")) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  };
  EXPECT_EQ(files("two"), files("one"));
  EXPECT_EQ(files("two").size(), 1);
  const auto runs = std::distance(fs::directory_iterator(folder_.path() / "two"), {});
  EXPECT_EQ(runs, 2) << "the run, and what it kept";
  const std::string stopped = "Trainer.fit stopped";
  EXPECT_LE(std::count_if(messages_.infos.begin(), messages_.infos.end(),
                          [&](const std::string& text) { return text.rfind(stopped, 0) == 0; }),
            1)
      << "the second one is silent";
}

TEST_F(TwoRanksOfOneRun, EndWithTheErrorOfEither) {
  for (const int64_t failing : {0, 1}) {
    const std::vector<Outcome> two =
        fit_with_two("failing" + std::to_string(failing), 3, [&](int64_t rank, int64_t batch_idx) {
          if (rank == failing && batch_idx == 4) throw Error("the disk of one rank is full");
        });
    EXPECT_EQ(two[0].error, "the disk of one rank is full");
    EXPECT_EQ(two[1].error, "the disk of one rank is full");
  }
}

}  // namespace
}  // namespace lit
