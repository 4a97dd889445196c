// Batches, and loaders that can be stopped anywhere and go on where they were.
#include "testing.h"

namespace lit {
namespace {

using ::testing::ElementsAre;
using testing::error_of;
using ::testing::HasSubstr;
using testing::Line;
using testing::numbers;
using testing::quiet;

TEST(BatchOfTensors, IsUnpackedByOrderAndByName) {
  const Batch batch{{"images", torch::zeros({4, 2})}, {"labels", torch::ones({4})}};
  const auto [images, labels] = batch.unpack<2>();
  EXPECT_TRUE(images.is_same(batch["images"]));
  EXPECT_TRUE(labels.is_same(batch[1]));
  EXPECT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.batch_size(), 4);
  EXPECT_EQ(error_of([&] { batch.unpack<3>(); }),
            "unpack<3>() was called on a batch of another size: it has 2 tensors: images [4, 2], "
            "labels [4]");
  EXPECT_THAT(error_of([&] { batch["label"]; }),
              HasSubstr("asked for the tensor 'label', but it has 2"));
  EXPECT_THAT(error_of([&] { batch[2]; }), HasSubstr("asked for tensor number 2"));
}

TEST(BatchOfTensors, SizeForWeighting) {
  EXPECT_EQ(Batch(torch::tensor(3.0)).batch_size(), 1);
  EXPECT_THAT(error_of([] { Batch().batch_size(); }), HasSubstr("could not be inferred"));
  EXPECT_FALSE((Batch{torch::ones({2}), torch::ones({3})}).even());
}

TEST(BatchOfTensors, StaysWhereItIs) {
  const Batch batch(torch::ones({2}));
  EXPECT_TRUE(batch.to(torch::kCPU)[0].is_same(batch[0]));
  EXPECT_EQ(batch.to(torch::kMeta)[0].device().type(), torch::kMeta);
}

// Numbers 0, 1, ..., as samples of torch::data.
struct Counting : torch::data::Dataset<Counting> {
  explicit Counting(size_t n) : n_(n) {}
  torch::data::Example<> get(size_t index) override {
    return {torch::full({1}, static_cast<float>(index)),
            torch::full({1}, static_cast<int64_t>(index))};
  }
  torch::optional<size_t> size() const override { return n_; }
  size_t n_;
};

std::vector<int64_t> contents(const Batch& batch) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < batch["target"].numel(); ++i) {
    result.push_back(batch["target"].view(-1)[i].item<int64_t>());
  }
  return result;
}

std::vector<std::vector<int64_t>> rest_of(Loader& loader) {
  std::vector<std::vector<int64_t>> result;
  while (const auto batch = loader.next()) result.push_back(contents(*batch));
  return result;
}

std::shared_ptr<Loader> shuffled(size_t workers) {
  return loader(torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
      Counting(10).map(torch::data::transforms::Stack<>()),
      torch::data::DataLoaderOptions(3).workers(workers)));
}

class Resume : public ::testing::TestWithParam<size_t> {};

TEST_P(Resume, ALoaderOfTorchGoesOnInTheSameOrder) {
  torch::manual_seed(5);
  const auto whole = shuffled(GetParam());
  whole->begin_epoch(0);
  rest_of(*whole);
  whole->begin_epoch(1);  // not the first: its order depends on what was drawn before
  contents(*whole->next());
  contents(*whole->next());
  const course::Dict state = whole->state_dict();
  EXPECT_EQ(state.at("position").as_int(), 2);
  const torch::Tensor stream = generator_state(torch::kCPU);
  const auto expected = rest_of(*whole);
  ASSERT_EQ(expected.size(), 2U);
  whole->begin_epoch(2);
  const auto next_epoch = rest_of(*whole);

  torch::manual_seed(99);
  const auto again = shuffled(GetParam());
  set_generator_state(torch::kCPU, stream);  // a resumed run puts its random streams back
  again->load_state_dict(state);
  EXPECT_TRUE(torch::equal(generator_state(torch::kCPU), stream)) << "loading draws nothing";
  again->begin_epoch(1);
  EXPECT_EQ(rest_of(*again), expected);
  again->begin_epoch(2);
  EXPECT_EQ(rest_of(*again), next_epoch);
}

INSTANTIATE_TEST_SUITE_P(Workers, Resume, ::testing::Values(0, 2));

TEST(LoaderOfTorch, StateOfOtherDataIsRefused) {
  const auto other = loader(torch::data::make_data_loader<torch::data::samplers::SequentialSampler>(
      Counting(2).map(torch::data::transforms::Stack<>()), torch::data::DataLoaderOptions(1)));
  other->begin_epoch(0);
  course::Dict state = other->state_dict();
  state.set("position", 3);
  EXPECT_THAT(error_of([&] { other->load_state_dict(state); }),
              HasSubstr("a loader was to go on behind batch 3, but has only 2"));
}

TEST(LoaderOfTorch, ShufflesWhereItsSamplerDoes) {
  EXPECT_TRUE(shuffled(0)->shuffles());
  const auto ordered =
      loader(torch::data::make_data_loader<torch::data::samplers::SequentialSampler>(
          Counting(2).map(torch::data::transforms::Stack<>()), 1));
  EXPECT_FALSE(ordered->shuffles());
  const testing::Messages quietly;
  Trainer trainer(quiet({.max_epochs = 1, .overfit_batches = 1}));
  EXPECT_THAT(error_of([&] { trainer.fit(std::make_shared<Line>(), shuffled(0)); }),
              HasSubstr("a loader shuffles and has no unshuffled()"));
}

TEST(LoaderOfTorch, AnEpochCutShortIsFinishedQuietly) {
  const auto cut = shuffled(0);
  cut->begin_epoch(0);
  cut->next();
  cut->begin_epoch(1);  // libtorch would refuse a second begin()
  EXPECT_EQ(rest_of(*cut).size(), 4U);
}

TEST(LoaderInMemory, GoesOnInTheSameOrder) {
  const auto make = [] {
    return loader(course::InMemoryLoader(torch::arange(10, torch::kFloat32), torch::arange(10),
                                         {.batch_size = 3, .shuffle = true, .seed = 4}));
  };
  const auto whole = make();
  whole->begin_epoch(7);
  whole->next();
  const course::Dict state = whole->state_dict();
  const auto expected = rest_of(*whole);
  ASSERT_EQ(expected.size(), 3U);
  const auto again = make();
  again->load_state_dict(state);
  again->begin_epoch(7);
  EXPECT_EQ(rest_of(*again), expected);
  again->begin_epoch(8);
  EXPECT_EQ(rest_of(*again).size(), 4U);
  EXPECT_EQ(again->batches(), 4);
}

TEST(LoaderInMemory, CanCountEpochsFromElsewhere) {
  const course::InMemoryLoader data(torch::arange(10, torch::kFloat32), torch::arange(10),
                                    {.batch_size = 3, .shuffle = true, .seed = 4});
  const auto rest = [](const std::shared_ptr<Loader>& one, int64_t epoch) {
    one->begin_epoch(epoch);
    return rest_of(*one);
  };
  EXPECT_EQ(rest(loader(data, 1), 0), rest(loader(data), 1));
  const auto cut = loader(data, 1);
  cut->begin_epoch(2);
  cut->next();
  const auto again = loader(data, 1);
  again->load_state_dict(cut->state_dict());
  EXPECT_EQ(rest(again, 2), rest_of(*cut));
}

// Lightning's calls: a loader to validate with is requested in epochs that validate, and in no
// other.
TEST(LoadersForATrainer, AreRequestedWhenTheyAreNeeded) {
  struct Asked : Line {
    Loaders train_dataloader() override {
      calls.push_back("T" + std::to_string(current_epoch()));
      return numbers(2);
    }
    Loaders val_dataloader() override {
      calls.push_back("V" + std::to_string(current_epoch()));
      return numbers(1);
    }
    void on_train_start() override { calls.push_back("start"); }
    std::vector<std::string> calls;
  };
  const auto calls = [](int64_t sanity, int64_t reload, int64_t validates, int64_t epochs) {
    const auto module = std::make_shared<Asked>();
    Trainer trainer(quiet({.max_epochs = epochs,
                           .check_val_every_n_epoch = validates,
                           .num_sanity_val_steps = sanity,
                           .reload_dataloaders_every_n_epochs = reload}));
    trainer.fit(module);
    std::string text;
    for (const std::string& call : module->calls) text += (text.empty() ? "" : " ") + call;
    return text;
  };
  EXPECT_EQ(calls(0, 1, 2, 4), "T0 start T1 V1 T2 T3 V3");
  EXPECT_EQ(calls(1, 1, 2, 4), "V0 T0 start T1 V1 T2 T3 V3");
  EXPECT_EQ(calls(0, 0, 1, 2), "T0 V0 start");
  EXPECT_EQ(calls(0, 0, 2, 2), "T0 start V1");
  EXPECT_EQ(calls(0, 1, 1, 3), "T0 V0 start T1 V1 T2 V2");
  EXPECT_EQ(calls(0, 2, 1, 4), "T0 V0 start T2 V2");
  EXPECT_EQ(calls(0, 2, 2, 4), "T0 start V1 T2 V3");
  EXPECT_EQ(calls(0, 3, 2, 6), "T0 start V1 T3 V5");
}

TEST(LoadersForATrainer, AnythingIsTaken) {
  const testing::Messages quietly;
  class Sums : public Line {
   public:
    StepOutput training_step(const Batch& batch, int64_t) override {
      total += batch["data"].sum().item<double>();
      return w.sum();
    }
    double total = 0;
  };
  const auto total = [](Loaders loaders) {
    Trainer trainer(quiet({.max_epochs = 1}));
    const auto module = std::make_shared<Sums>();
    trainer.fit(module, std::move(loaders));
    return module->total;
  };
  EXPECT_EQ(total(course::InMemoryLoader(torch::arange(10, torch::kFloat32), torch::arange(10))),
            45);
  EXPECT_EQ(
      total(torch::data::make_data_loader(Counting(10).map(torch::data::transforms::Stack<>()), 3)),
      45);
  EXPECT_EQ(total(shuffled(2)), 45);
}

TEST(Prediction, IsCollectedForEachLoader) {
  Trainer trainer(quiet());
  const auto module = std::make_shared<Line>();
  const auto predictions = trainer.predict(module, {numbers(2), numbers(3)});
  ASSERT_EQ(predictions.size(), 2U);
  ASSERT_EQ(predictions[1].size(), 3U);
  EXPECT_EQ(predictions[1][2][0].item<float>(), 3);
  EXPECT_FALSE(predictions[1][2][0].requires_grad());
  EXPECT_TRUE(trainer.predict(module, numbers(2), {.return_predictions = false}).empty());
  Trainer limited(quiet({.limit_predict_batches = 1}));
  EXPECT_EQ(limited.predict(module, numbers(3))[0].size(), 1U);
}

TEST(Freezing, TakesGradientsAndModes) {
  Line line;
  line.freeze();
  EXPECT_FALSE(line.w.requires_grad());
  EXPECT_FALSE(line.is_training());
  line.unfreeze();
  EXPECT_TRUE(line.w.requires_grad());
  EXPECT_TRUE(line.is_training());
}

}  // namespace
}  // namespace lit
