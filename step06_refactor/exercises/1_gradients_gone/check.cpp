// The evaluator of evaluator.h beside training.
#include "evaluator.h"

#include <gtest/gtest.h>

namespace {

struct LineImpl : torch::nn::Module {
  torch::Tensor forward(const torch::Tensor& x) {
    const torch::Tensor y = w * x;
    wrote_a_graph = y.requires_grad();
    return y;
  }
  torch::Tensor w{register_parameter("w", torch::ones({}))};
  bool wrote_a_graph = false;
};
TORCH_MODULE(Line);

class Evaluation : public ::testing::Test {
 protected:
  void TearDown() override { torch::GradMode::set_enabled(true); }
  // What goes wrong when the model is trained.
  static std::string problem_of_training(Line& line) {
    try {
      line(torch::ones({2})).sum().backward();
    } catch (const c10::Error& error) {
      return error.what_without_backtrace();
    }
    return "none";
  }
};

Evaluator of_five() {
  return {torch::ones({5}), torch::tensor({1.0F, 1.0F, 1.0F, 1.0F, 6.0F}), 2};
}

TEST_F(Evaluation, TrainingGoesOnAfterAnEvaluation) {
  Line line;
  auto evaluator = of_five();
  evaluator.loss(line);
  EXPECT_EQ(problem_of_training(line), "none")
      << "backward() after an evaluation, while the evaluator is kept for the next";
}

TEST_F(Evaluation, TrainingGoesOnWhileOneExists) {
  Line line;
  const auto evaluator = of_five();
  EXPECT_EQ(problem_of_training(line), "none")
      << "backward() with an evaluator that was made and not used yet";
}

TEST_F(Evaluation, KeepsNoGraphItself) {
  Line line;
  of_five().loss(line);
  EXPECT_FALSE(line->wrote_a_graph) << "What the model works out in an evaluation needs no graph";
}

TEST_F(Evaluation, SeesEverySample) {
  Line line;
  EXPECT_NEAR(of_five().loss(line), 5.0, 1e-6)
      << "Errors of 0, 0, 0, 0 and 5: the mean square is 25 / 5";
}

}  // namespace
