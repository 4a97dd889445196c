// The step of step.h, on a model whose gradients can be worked out by hand.
#include "step.h"

#include <gtest/gtest.h>

namespace {

// w * x with w = 3.
struct Line : torch::nn::Module {
  torch::Tensor forward(double x) { return w * x; }
  torch::Tensor w{register_parameter("w", torch::tensor(3.0))};
};

// The same with a parameter that has no part in it.
struct LineAndIdle : Line {
  torch::Tensor idle{register_parameter("idle", torch::tensor(5.0))};
};

TEST(Step, GoesAgainstTheGradient) {
  Line line;
  take_step(line, line.forward(2).square(), 0.125);  // d/dw (2w)^2 = 8w = 24
  EXPECT_NEAR(line.w.item<double>(), 0.0, 1e-6) << "w = 3 - 0.125 * 24";
}

TEST(Step, ReturnsTheLossBefore) {
  Line line;
  EXPECT_NEAR(take_step(line, line.forward(2).square(), 0.125), 36.0, 1e-6) << "(2 * 3)^2";
}

TEST(Step, LeavesNoGraphBehind) {
  Line line;
  take_step(line, line.forward(2).square(), 0.125);
  EXPECT_TRUE(line.w.is_leaf() && line.w.requires_grad())
      << "w is a parameter as before, and the result of nothing";
}

TEST(Step, ASecondOneUsesItsOwnGradient) {
  Line line;
  take_step(line, line.forward(1), 0.5);  // the gradient is 1: w = 2.5
  take_step(line, line.forward(1), 0.5);  // and 1 again: w = 2
  EXPECT_NEAR(line.w.item<double>(), 2.0, 1e-6)
      << "3 - 0.5 - 0.5; backward() adds to what is there";
}

TEST(Step, AParameterWithoutAGradientStays) {
  LineAndIdle line;
  EXPECT_NO_THROW(take_step(line, line.forward(1), 0.5));
  EXPECT_NEAR(line.idle.item<double>(), 5.0, 1e-6);
}

}  // namespace
