// step05: what evaluate() returns and leaves alone, and the process that grows.
#define main step05_main
#include "step05_evaluation/main.cpp"
#undef main

#include <gtest/gtest.h>

namespace {

const FashionMnist& test_set() {
  static const FashionMnist dataset(course::find_data(COURSE_SAMPLE_DIR), course::Split::test);
  return dataset;
}

TEST(Step05, LossAndAccuracyOfAModelWorkedOutByHand) {
  Net model;
  for (torch::Tensor& parameter : model->parameters()) parameter.detach().zero_();
  model->output->bias.detach()[3] = 1;  // always says 3, with odds of e to 1
  const auto loader = make_loader<SequentialSampler>(test_set(), 64);
  const Evaluation result = evaluate(model, *loader, torch::kCPU);
  EXPECT_EQ(result.labels.size(0), 500);
  EXPECT_NEAR(result.accuracy(), 0.1, 1e-6);  // 50 of 500
  // Nine classes of ten: log(9 + e); the tenth: one less.
  EXPECT_NEAR(result.loss(), std::log(9 + std::exp(1.0)) - 0.1, 1e-5);
}

TEST(Step05, EvaluateLeavesTheModelInItsMode) {
  Net model;
  const auto loader = make_loader<SequentialSampler>(test_set(), 64);
  for (const bool training : {true, false}) {
    model->train(training);
    evaluate(model, *loader, torch::kCPU);
    EXPECT_EQ(model->is_training(), training);
    EXPECT_EQ(model->dropout->is_training(), training);
  }
}

TEST(Step05, EvaluateTurnsDropoutOffAndKeepsNoGraph) {
  Net model;
  const auto loader = make_loader<SequentialSampler>(test_set(), 64);
  const Evaluation first = evaluate(model, *loader, torch::kCPU);
  EXPECT_FALSE(first.losses.requires_grad());
  EXPECT_TRUE(torch::equal(first.losses, evaluate(model, *loader, torch::kCPU).losses));
  EXPECT_TRUE(torch::GradMode::is_enabled());
}

TEST(Step05, AddingUpLossesKeepsEveryGraph) {
  Net model;
  const torch::Tensor images = torch::rand({64, 1, 28, 28});
  const torch::Tensor labels = torch::zeros({64}, torch::kInt64);
  const auto loss_of_a_batch = [&] {
    return torch::nn::functional::cross_entropy(model(images), labels);
  };
  // region growing
  const course::MemoryMeter memory;
  torch::Tensor total = torch::zeros({});
  for (int batch = 0; batch < 10; ++batch) total += loss_of_a_batch().detach();
  EXPECT_LT(memory.current_bytes(), 1024);  // a number

  for (int batch = 0; batch < 10; ++batch) total = total + loss_of_a_batch();
  EXPECT_GT(memory.current_bytes(), 10 * 64 * 128 * 4);  // ten times all features of a batch
  // endregion
}

}  // namespace
