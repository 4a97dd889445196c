// What a run costs, where it can be counted: samples that are read, bytes that are held, questions
// that are asked. Times are measured by ./course bench scale.
#include <atomic>
#include <set>

#include "../common/temporary_folder.h"
#include "data/in_memory_loader.h"
#include "device/memory.h"
#include "lit/callbacks/model_checkpoint.h"
#include "lit/checkpoint.h"
#include "lit/metrics/classification.h"
#include "lit/metrics/collection.h"
#include "testing.h"

namespace lit {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::Le;
using testing::Line;
using testing::Messages;
using testing::numbers;
using testing::quiet;
using torch::data::DataLoaderOptions;
using torch::data::samplers::SequentialSampler;

// --- Samples that are read --------------------------------------------------------------------

// Numbers, each of which is counted when it is read.
struct Counted : torch::data::Dataset<Counted> {
  Counted(size_t n, std::shared_ptr<std::atomic<int>> reads) : n_(n), reads_(std::move(reads)) {}
  torch::data::Example<> get(size_t index) override {
    ++*reads_;
    const auto number = static_cast<int64_t>(index);
    return {torch::full({1}, number, torch::kFloat32), torch::full({1}, number)};
  }
  c10::optional<size_t> size() const override { return n_; }
  size_t n_;
  std::shared_ptr<std::atomic<int>> reads_;
};

class Reading : public ::testing::TestWithParam<size_t> {
 protected:
  std::shared_ptr<Loader> samples(size_t n) {
    return loader(torch::data::make_data_loader<SequentialSampler>(
                      Counted(n, reads).map(torch::data::transforms::Stack<>()),
                      DataLoaderOptions(1).workers(GetParam())),
                  static_cast<int64_t>(n));
  }
  // What workers have in hand, at most, when nobody wants more.
  int ahead() const { return 2 * static_cast<int>(GetParam()); }

  std::shared_ptr<std::atomic<int>> reads = std::make_shared<std::atomic<int>>(0);
  Messages messages_;
};

TEST_P(Reading, OfAnEpochThatIsLeftNothingMoreIsRead) {
  Trainer trainer(quiet({.max_epochs = 5, .limit_train_batches = 2}));
  trainer.fit(std::make_shared<Line>(), samples(1'000));
  EXPECT_THAT(reads->load(), AllOf(Ge(10), Le(5 * (2 + ahead()))));
}

TEST_P(Reading, OfAValidationThatIsLeftNothingMoreIsRead) {
  Trainer trainer(quiet({.max_epochs = 1, .limit_val_batches = 3, .num_sanity_val_steps = 2}));
  const auto module = std::make_shared<Line>();
  trainer.fit(module, numbers(1), samples(1'000));
  EXPECT_THAT(reads->load(), AllOf(Ge(5), Le(5 + 2 * ahead())));
}

TEST_P(Reading, OfAnEpochThatIsSkippedNothingMoreIsRead) {
  class Skips : public Line {
   public:
    int on_train_batch_start(const Batch&, int64_t) override { return -1; }
  };
  Trainer trainer(quiet({.max_epochs = 3}));
  trainer.fit(std::make_shared<Skips>(), samples(1'000));
  EXPECT_THAT(reads->load(), AllOf(Ge(3), Le(3 * (1 + ahead()))));
}

TEST_P(Reading, AResumedEpochReadsWhatItHasAheadAlone) {
  const auto before = samples(1'000);
  before->begin_epoch(0);
  course::Dict state = before->state_dict();
  for (const int64_t position : {1, 3, 4, 5, 900, 999, 1'000}) {
    state.set("position", position);
    const auto after = samples(1'000);
    *reads = 0;
    after->load_state_dict(state);
    after->begin_epoch(0);
    std::vector<int64_t> rest;
    while (const auto batch = after->next()) rest.push_back((*batch)[1].item<int64_t>());
    ASSERT_EQ(rest.size(), static_cast<size_t>(1'000 - position));
    EXPECT_TRUE(std::is_sorted(rest.begin(), rest.end()));
    if (!rest.empty()) {
      EXPECT_EQ(rest.front(), position);
    }
    EXPECT_THAT(reads->load(), AllOf(Ge(1'000 - position), Le(1'000 - position + 2 * ahead())));
    after->begin_epoch(1);  // and then as ever
    EXPECT_EQ((*after->next())[1].item<int64_t>(), 0);
  }
}

TEST_P(Reading, BatchesAreNotReadThatAreOnlyPassedOver) {
  const auto some = samples(1'000);
  some->begin_epoch(0);
  EXPECT_EQ(some->pass_over(900), 900);
  EXPECT_LE(reads->load(), 2 * ahead());
  EXPECT_EQ((*some->next())[1].item<int64_t>(), 900);
  EXPECT_EQ(some->pass_over(9), 9);  // in its middle they are
  EXPECT_EQ((*some->next())[1].item<int64_t>(), 910);
  EXPECT_EQ(some->pass_over(1'000), 89);

  const torch::Tensor order = torch::arange(10);
  const auto in_memory = loader(course::InMemoryLoader(order, order, {.batch_size = 1}));
  EXPECT_EQ(in_memory->pass_over(1), 0) << "no epoch has begun";
  in_memory->begin_epoch(0);
  EXPECT_EQ(in_memory->pass_over(3), 3);
  EXPECT_EQ((*in_memory->next())[0].item<int64_t>(), 3);
  EXPECT_EQ(in_memory->pass_over(2), 2);
  EXPECT_EQ((*in_memory->next())[0].item<int64_t>(), 6);
  EXPECT_EQ(in_memory->pass_over(100), 3);
  EXPECT_FALSE(in_memory->next());
}

INSTANTIATE_TEST_SUITE_P(Workers, Reading, ::testing::Values(0, 1, 2));

// --- Bytes that are held ----------------------------------------------------------------------

constexpr int64_t kMiB = 1 << 20;

TEST(HeldMemory, OfOneOrderOfTheSamplesAtMost) {
  constexpr int64_t n = 1'000'000;
  const torch::Tensor data = torch::zeros({n});
  const auto in_memory =
      loader(course::InMemoryLoader(data, data, {.batch_size = 10'000, .shuffle = true}));
  const course::MemoryMeter meter;
  for (const int64_t epoch : {0, 1}) {
    in_memory->begin_epoch(epoch);
    for (int64_t batch = 0; batch < 100; ++batch) in_memory->next();
    EXPECT_LT(meter.current_bytes(), kMiB) << "the order is not kept";
  }
  in_memory->begin_epoch(2);  // of which one batch is wanted
  in_memory->next();
  in_memory->begin_epoch(3);
  EXPECT_LT(meter.peak_bytes(), 8 * n + kMiB);
}

// --- Questions that are asked -----------------------------------------------------------------

struct Asked : Callback {
  explicit Asked(int64_t& keys) : keys_(keys) {}
  std::string state_key() const override {
    ++keys_;
    return "asked";
  }
  int64_t& keys_;
};

TEST(AskedOften, CallbacksForTheirKeysAsOftenAsThereAreCallbacks) {
  const Messages quietly;
  int64_t keys = 0;
  TrainerOptions options;
  for (int i = 0; i < 100; ++i) options.callbacks.push_back(std::make_shared<Asked>(keys));
  const Trainer trainer(quiet(options));
  EXPECT_LE(keys, 300);
}

// Places of its list: each new one is a copy.
class Listing : public Metric {
 public:
  Listing() { add_list_state("all"); }
  std::set<const void*> places;

 protected:
  void update_state(const Batch& inputs) override {
    list_state("all").push_back(inputs[0].reshape({1}));
  }
  torch::Tensor compute_state() override { return concatenated("all").sum(); }
  void look_at_states() override { places.insert(list_state("all").data()); }
};

TEST(AskedOften, AForwardCopiesNoListOfAllBatchesBefore) {
  const auto listing = std::make_shared<Listing>();
  for (int i = 0; i < 1'000; ++i) {
    EXPECT_EQ(listing->forward(1.0).item<double>(), 1);
    EXPECT_EQ(listing->compute().item<double>(), i + 1);
  }
  EXPECT_LE(listing->places.size(), 12U);  // a vector of 1,000 has grown ten times
}

TEST(AskedOften, AForwardOfACollectionCopiesNoListEither) {
  const auto all = metric<AUROC>({.task = "binary"});
  const auto precision = metric<AveragePrecision>({.task = "binary"});
  MetricCollection both(MetricCollection::Named{{"a", all}, {"b", precision}});
  const torch::Tensor preds = torch::tensor({0.1, 0.9}), target = torch::tensor({0, 1});
  const course::MemoryMeter meter;
  for (int i = 0; i < 100; ++i) both.forward(preds, target);
  EXPECT_LT(meter.current_bytes(), 100 * 200);  // each batch once, for both
  EXPECT_EQ(both.compute().at("b").item<double>(), 1);
}

// --- Files ------------------------------------------------------------------------------------

TEST(KeptFiles, OneNameIsOneFileWhereThereIsNoMonitor) {
  const Messages quietly;
  const course::testing::TemporaryFolder folder;
  const auto checkpoint =
      callback<ModelCheckpoint>({.dirpath = folder.path(), .filename = "x", .save_top_k = -1});
  Trainer trainer(quiet({.callbacks = {checkpoint}, .max_epochs = 4}));
  trainer.fit(std::make_shared<Line>(), numbers(1));
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(names, ElementsAre("x.ckpt"));
  EXPECT_EQ(read_checkpoint(folder.path() / "x.ckpt").at("epoch").as_int(), 3);
}

TEST(KeptFiles, ScoresOfAllThatAreKeptAreOneRecord) {
  const Messages quietly;
  const course::testing::TemporaryFolder folder;
  const auto checkpoint =
      callback<ModelCheckpoint>({.dirpath = folder.path(), .monitor = "loss", .save_top_k = -1});
  Trainer trainer(quiet({.callbacks = {checkpoint}, .max_epochs = 4}));
  const auto module = std::make_shared<Line>();
  module->on_step = [](Line& self, const Batch&, int64_t, const torch::Tensor& loss) {
    self.log("loss", loss);
  };
  trainer.fit(module, numbers(1));
  const course::Dict state = read_checkpoint(folder.path() / "epoch=3-step=4.ckpt")
                                 .at("callbacks")
                                 .as_dict()
                                 .at(checkpoint->state_key())
                                 .as_dict();
  const course::Dict& scores = state.at("best_k_models").as_dict();
  ASSERT_EQ(scores.size(), 4U);
  const torch::Tensor first = scores.begin()->second.as_tensor();
  size_t i = 0;
  for (const auto& [path, score] : scores) {
    EXPECT_TRUE(score.as_tensor().is_alias_of(first));
    EXPECT_EQ(score.as_tensor().dim(), 0);
    EXPECT_EQ(score.as_tensor().item<double>(), checkpoint->best_k_models()[i++].second);
  }
}

}  // namespace
}  // namespace lit
