// Every C++ spelling of docs/glossary.md, compiled and run; test_glossary.py holds the page against
// this file.
#include <gtest/gtest.h>
#include <torch/torch.h>

namespace {

namespace F = torch::nn::functional;

TEST(Glossary, Tensors) {
  const torch::Tensor x = torch::arange(6).to(torch::kFloat32).view({2, 3});
  EXPECT_EQ(torch::zeros({2, 3}).numel(), 6);
  EXPECT_EQ(torch::tensor({1.0, 2.0}).size(0), 2);
  EXPECT_EQ(x.sizes(), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(x.size(0), 2);
  EXPECT_EQ(x.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(x.device().is_cpu());
  EXPECT_EQ(x[1].sum().item<float>(), 12);
  EXPECT_EQ(x.index({torch::indexing::Slice(), 1}).sum().item<float>(), 5);
  EXPECT_EQ(x.slice(1, 0, 2).size(1), 2);
  EXPECT_EQ(x.index({x > 3}).numel(), 2);
  EXPECT_EQ(x.to(torch::kInt64).scalar_type(), torch::kLong);
  EXPECT_EQ(x.to(torch::Device("cpu")).numel(), 6);
  EXPECT_EQ(x.matmul(x.t()).numel(), 4);
  EXPECT_EQ(std::get<1>(x.max(1))[0].item<int64_t>(), 2);
  EXPECT_EQ(torch::cat({x, x}, 0).size(0), 4);
  EXPECT_EQ(torch::stack({x, x}).dim(), 3);
  EXPECT_EQ(x.detach().clone().numel(), 6);
}

TEST(Glossary, Gradients) {
  const torch::Tensor w = torch::ones({3}, torch::requires_grad());
  w.sum().backward();
  EXPECT_TRUE(w.grad().defined());
  {
    torch::NoGradGuard no_grad;
    EXPECT_FALSE((2 * w).requires_grad());
  }
  {
    c10::InferenceMode guard;
    EXPECT_FALSE((2 * w).requires_grad());
  }
  torch::manual_seed(0);
}

TEST(Glossary, Modules) {
  torch::nn::Sequential model{torch::nn::Linear(4, 3), torch::nn::ReLU(), torch::nn::Dropout(0.5)};
  torch::nn::Linear no_bias(torch::nn::LinearOptions(4, 3).bias(false));
  torch::nn::Conv2d convolution(torch::nn::Conv2dOptions(1, 8, 3).padding(1));
  EXPECT_EQ(no_bias->parameters().size(), 1U);
  EXPECT_EQ(convolution->weight.numel(), 72);
  model->train();
  model->eval();
  model->to(torch::kCPU);
  EXPECT_EQ(model->named_parameters().size(), 2U);
  EXPECT_EQ(model->parameters().size(), 2U);
  EXPECT_FALSE(model->is_training());
  EXPECT_EQ(model->forward(torch::zeros({2, 4})).size(1), 3);
}

TEST(Glossary, Training) {
  torch::nn::Linear model(4, 3);
  torch::nn::CrossEntropyLoss criterion;
  torch::optim::SGD optimizer(model->parameters(), torch::optim::SGDOptions(0.1).momentum(0.9));
  const torch::Tensor loss = criterion(model(torch::ones({2, 4})), torch::tensor({0, 1}));
  EXPECT_NEAR(F::cross_entropy(model(torch::ones({2, 4})), torch::tensor({0, 1})).item<float>(),
              loss.item<float>(), 1e-6);
  optimizer.zero_grad();
  loss.backward();
  torch::nn::utils::clip_grad_norm_(model->parameters(), 1.0);
  optimizer.step();
  optimizer.param_groups()[0].options().set_lr(0.01);
  EXPECT_EQ(optimizer.param_groups()[0].options().get_lr(), 0.01);
}

TEST(Glossary, Data) {
  const auto dataset = torch::data::datasets::TensorDataset(torch::ones({5, 2}));
  EXPECT_EQ(*dataset.size(), 5U);
  const torch::data::DataLoaderOptions options = torch::data::DataLoaderOptions(64).workers(2);
  EXPECT_EQ(options.batch_size(), 64U);
  EXPECT_FALSE(torch::cuda::is_available() && torch::cuda::device_count() == 0);
}

}  // namespace
