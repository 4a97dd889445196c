// step06: the two models, the data sets' names, and what evaluate() leaves alone.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "datasets.h"
#include "error.h"
#include "evaluate.h"
#include "models/classifier.h"
#include "train.h"

namespace {

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const course::Error& error) {
    return error.what();
  }
  return "no error";
}

DataSets sample() {
  return load_data_sets("fashion-mnist", COURSE_SAMPLE_DIR);
}

TEST(Step06, ParametersOfTheModels) {
  const auto count = [](const std::string& name) {
    int64_t sum = 0;
    for (const auto& parameter : create_model(name)->parameters()) sum += parameter.numel();
    return sum;
  };
  EXPECT_EQ(count("mlp"), 784 * 128 + 128 + 128 * 10 + 10);
  EXPECT_EQ(count("cnn"), 16 * 9 + 16 + 32 * 16 * 9 + 32 + 1568 * 128 + 128 + 128 * 10 + 10);
}

TEST(Step06, BothModelsTurnPicturesIntoScores) {
  for (const std::string name : {"mlp", "cnn"}) {
    const auto scores = create_model(name)->forward(torch::rand({3, 1, 28, 28}));
    EXPECT_EQ(scores.sizes(), (std::vector<int64_t>{3, 10})) << name;
  }
}

TEST(Step06, TheConvolutionsSeeNeighbours) {
  // Moving a picture's content by the model's stride of four moves the last feature map by one.
  const auto cnn = create_model("cnn");
  torch::Tensor picture = torch::zeros({1, 1, 28, 28}), moved = torch::zeros({1, 1, 28, 28});
  const torch::Tensor patch = torch::rand({8, 8});
  picture[0][0].slice(0, 8, 16).slice(1, 8, 16).copy_(patch);
  moved[0][0].slice(0, 8, 16).slice(1, 12, 20).copy_(patch);
  const auto children = cnn->named_children();
  const auto features = [&](torch::Tensor x) {
    for (const char* name : {"conv1", "conv2"}) {
      x = torch::max_pool2d(torch::relu(children[name]->as<torch::nn::Conv2d>()->forward(x)), 2);
    }
    return x;
  };
  const torch::Tensor a = features(picture), b = features(moved);
  EXPECT_TRUE(torch::allclose(a.slice(3, 1, 5), b.slice(3, 2, 6), 0, 1e-6));
  EXPECT_FALSE(torch::allclose(a, b, 0, 1e-6));
}

TEST(Step06, UnknownNamesAreRefusedWithTheKnownOnes) {
  EXPECT_EQ(message_of([] { create_model("cmn"); }),
            "model takes cnn or mlp, not 'cmn'; did you mean cnn?");
  EXPECT_EQ(message_of([] { load_data_sets("cifar", ""); }),
            "dataset takes fashion-mnist or mnist, not 'cifar'");
}

TEST(Step06, AnotherSetThanTheOneAskedForIsRefused) {
  EXPECT_NE(message_of([] {
              load_data_sets("mnist", COURSE_SAMPLE_DIR);
            }).find("holds Fashion-MNIST (sample), not MNIST; name another folder"),
            std::string::npos);
}

TEST(Step06, TestSplitIsNormalisedWithTheStatisticsOfTheTrainingSplit) {
  const DataSets data = sample();
  EXPECT_EQ(data.test.statistics().mean, data.train.statistics().mean);
  const auto loader = make_loader<torch::data::samplers::SequentialSampler>(data.train, 2000);
  const torch::Tensor pixels = loader->begin()->data;
  EXPECT_NEAR(pixels.mean().item<double>(), 0, 0.02);  // of the sample, by the full set's numbers
  EXPECT_NEAR(pixels.std().item<double>(), 1, 0.02);
}

TEST(Step06, LossAndAccuracyOfAModelWorkedOutByHand) {
  const auto model = create_model("mlp");
  for (torch::Tensor& parameter : model->parameters()) parameter.detach().zero_();
  model->named_parameters()["output.bias"].detach()[3] = 1;  // always says 3, odds of e to 1
  const Evaluation result = evaluate(*model, sample().test, torch::kCPU, 64);
  EXPECT_EQ(result.labels.size(0), 500);
  EXPECT_NEAR(result.accuracy(), 0.1, 1e-6);
  EXPECT_NEAR(result.loss(), std::log(9 + std::exp(1.0)) - 0.1, 1e-5);
}

TEST(Step06, EvaluateLeavesTheModelInItsMode) {
  const auto model = create_model("cnn");
  const DataSets data = sample();
  for (const bool training : {true, false}) {
    model->train(training);
    evaluate(*model, data.test, torch::kCPU, 250);
    EXPECT_EQ(model->is_training(), training);
  }
}

TEST(Step06, TrainingLowersTheLoss) {
  torch::manual_seed(0);
  const auto model = create_model("mlp");
  const DataSets data = sample();
  const double before = evaluate(*model, data.test, torch::kCPU, 64).loss();
  train(*model, data.train, torch::kCPU, {.epochs = 2});
  EXPECT_LT(evaluate(*model, data.test, torch::kCPU, 64).loss(), before / 2);
}

}  // namespace
