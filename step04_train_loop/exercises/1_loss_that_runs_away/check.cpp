// The epoch of epoch.h, on a model whose steps can be worked out by hand.
#include "epoch.h"

#include <gtest/gtest.h>

namespace {

// w * x, with w = 0 at first; it remembers in which mode it was called.
struct LineImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x) {
    was_training = is_training();
    return w * x;
  }
  torch::Tensor w{register_parameter("w", torch::zeros({}))};
  bool was_training = false;
};
TORCH_MODULE(Line);

// Batches of x = 1 whose targets are given.
std::vector<torch::data::Example<>> batches(const std::vector<std::vector<float>>& targets) {
  std::vector<torch::data::Example<>> made;
  for (const auto& target : targets) {
    made.emplace_back(torch::ones({static_cast<int64_t>(target.size())}), torch::tensor(target));
  }
  return made;
}

TEST(Epoch, TwoBatchesAreTwoSteps) {
  Line line;
  torch::optim::SGD optimizer(line->parameters(), 0.25);
  train_one_epoch(line, batches({{4}, {4}}), optimizer);
  // The gradient of (w - 4)^2 is 2(w - 4): w = 0 + 0.25 * 8 = 2, then 2 + 0.25 * 4 = 3.
  EXPECT_NEAR(line->w.item<double>(), 3.0, 1e-6)
      << "0, then 2, then 3: each step uses the gradient of its own batch";
}

TEST(Epoch, IsInTrainingMode) {
  Line line;
  line->eval();
  torch::optim::SGD optimizer(line->parameters(), 0.25);
  train_one_epoch(line, batches({{4}}), optimizer);
  EXPECT_TRUE(line->was_training) << "The model was in evaluation mode before, and is trained now";
}

TEST(Epoch, ReturnsTheMeanOverSamples) {
  Line line;
  torch::optim::SGD optimizer(line->parameters(), 1e-12);  // w stays where it is
  EXPECT_NEAR(train_one_epoch(line, batches({{1, 1, 1}, {3}}), optimizer), 3.0, 1e-5)
      << "Losses of 1, 1, 1 and 9: their mean is 3";
}

}  // namespace
