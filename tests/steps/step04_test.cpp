// step04: the loop learns, and three silent mistakes around an optimizer.
#define main step04_main
#include "step04_train_loop/main.cpp"
#undef main

#include <gtest/gtest.h>

namespace {

TEST(Step04, OneStepOfSgdIsTheGradientTimesTheLearningRate) {
  Net model;
  torch::optim::SGD optimizer(model->parameters(), 0.25);
  model->eval();
  const torch::Tensor before = model->output->bias.detach().clone();
  const torch::Tensor loss = torch::nn::functional::cross_entropy(
      model(torch::rand({5, 1, 28, 28})), torch::tensor({0, 1, 2, 3, 4}));
  loss.backward();
  optimizer.step();
  EXPECT_TRUE(torch::allclose(model->output->bias, before - 0.25 * model->output->bias.grad()));
}

TEST(Step04, TheMeanLossWeighsBatchesBySize) {
  // At a learning rate of almost nothing the model stays as it is: the epoch's loss is the mean
  // over samples.
  torch::manual_seed(3);
  Net model;
  model->dropout->options.p(0);
  const FashionMnist dataset(course::find_data(COURSE_SAMPLE_DIR), course::Split::test);
  const auto loader = make_loader<RandomSampler>(dataset, 300);  // 300 + 200
  torch::optim::SGD optimizer(model->parameters(), 1e-12);
  course::ProgressBar progress("test", 500, "pictures");
  int64_t show_steps = 0;
  const double loss = train_one_epoch(model, *loader, optimizer, torch::kCPU, progress, show_steps);

  const auto all = make_loader<RandomSampler>(dataset, 500);
  const torch::data::Example<> everything = *all->begin();
  const double expected =
      torch::nn::functional::cross_entropy(model(everything.data), everything.target)
          .item<double>();
  EXPECT_NEAR(loss, expected, 1e-5);
}

TEST(Step04, ForgettingZeroGradAddsUp) {
  Net model;
  model->eval();
  const torch::Tensor images = torch::rand({4, 1, 28, 28});
  const auto loss = [&] { return model(images).sum(); };
  // region zero_grad
  loss().backward();
  const torch::Tensor right = model->output->bias.grad().clone();
  loss().backward();  // the same again, and no zero_grad() between
  EXPECT_TRUE(torch::allclose(model->output->bias.grad(), 2 * right));
  // endregion
}

TEST(Step04, TheOptimizerKeepsTheParametersItWasGiven) {
  // region old_parameters
  Net model;
  torch::optim::SGD optimizer(model->parameters(), 0.1);
  model->output = model->replace_module("output", torch::nn::Linear(128, 10));  // too late
  const torch::Tensor before = model->output->weight.detach().clone();
  model(torch::rand({8, 1, 28, 28})).square().sum().backward();
  optimizer.step();
  EXPECT_TRUE(torch::equal(model->output->weight, before));  // the new layer learns nothing
  // endregion
}

TEST(Step04, TheLearningRateIsSetInTheOptimizersOwnGroups) {
  const torch::Tensor weight = torch::zeros({1}, torch::requires_grad());
  // region learning_rate
  torch::optim::SGD optimizer({weight}, /*lr=*/0.1);
  auto copy = optimizer.param_groups()[0];  // no &: a copy with options of its own
  copy.options().set_lr(0.01);
  EXPECT_EQ(optimizer.param_groups()[0].options().get_lr(), 0.1);  // nothing happened

  for (auto& group : optimizer.param_groups()) group.options().set_lr(0.01);
  EXPECT_EQ(optimizer.param_groups()[0].options().get_lr(), 0.01);
  // endregion
}

}  // namespace
