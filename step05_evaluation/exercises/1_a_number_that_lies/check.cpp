// The accuracy of evaluate.h, of a model that tells how it was called.
#include "evaluate.h"

#include <gtest/gtest.h>

namespace {

// Says the class that the input is, and remembers how it was asked.
struct EchoImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x) {
    was_training = is_training();
    had_gradients = (x * weight).requires_grad();
    return torch::one_hot(x, 3).to(torch::kFloat32);
  }
  torch::Tensor weight{register_parameter("weight", torch::ones({}))};
  bool was_training = false, had_gradients = false;
};
TORCH_MODULE(Echo);

// The first four are right, the fifth, alone in its batch, is wrong.
std::vector<torch::data::Example<>> batches() {
  return {{torch::tensor({0, 1, 2, 0}), torch::tensor({0, 1, 2, 0})},
          {torch::tensor({1}), torch::tensor({2})}};
}

TEST(Evaluate, TheModelIsInEvaluationMode) {
  Echo model;
  accuracy(model, batches());
  EXPECT_FALSE(model->was_training) << "In training mode dropout draws, and batch norms learn";
}

TEST(Evaluate, LeavesTheModelAsItWas) {
  for (const bool mode : {true, false}) {
    Echo model;
    model->train(mode);
    accuracy(model, batches());
    EXPECT_EQ(model->is_training(), mode) << "is_training() before it was evaluated was " << mode;
  }
}

TEST(Evaluate, EverySampleCountsOnce) {
  Echo model;
  EXPECT_NEAR(accuracy(model, batches()), 0.8, 1e-9)
      << "4 of 5 samples are right, in batches of 4 and 1";
}

TEST(Evaluate, KeepsNoGraph) {
  Echo model;
  accuracy(model, batches());
  EXPECT_FALSE(model->had_gradients)
      << "What the model works out here must not be written down by autograd";
  EXPECT_TRUE(torch::GradMode::is_enabled()) << "And afterwards it must be, again";
}

}  // namespace
