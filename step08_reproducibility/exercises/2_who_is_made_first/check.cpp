// Makes two layers in each of the ways whose order the standard fixes, and says which one was
// first.
#include "prediction.h"

#include <torch/torch.h>

#include "exercise/check.h"

namespace {

using torch::nn::Linear;

struct Pair {
  Linear hidden, output;
};

// As Python makes them.
Pair pythons() {
  torch::manual_seed(0);
  Linear hidden(16, 8);
  Linear output(8, 3);
  return {hidden, output};
}

bool same(const Pair& a, const Pair& b) {
  return torch::equal(a.hidden->weight, b.hidden->weight) &&
         torch::equal(a.output->weight, b.output->weight);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreorder"
struct Members {
  Linear hidden, output;
  Members() : output(Linear(8, 3)), hidden(Linear(16, 8)) {}
};
#pragma GCC diagnostic pop

bool members_are_pythons() {
  const Pair expected = pythons();
  torch::manual_seed(0);
  const Members found;
  return same({found.hidden, found.output}, expected);
}

bool braces_are_pythons() {
  const Pair expected = pythons();
  torch::manual_seed(0);
  const Pair found{Linear(16, 8), Linear(8, 3)};
  return same(found, expected);
}

TEST(Prediction, OrderOfMembers) {
  EXPECT_CHOICE(kFirstOfMembers, members_are_pythons() ? 1 : 2);
}

TEST(Prediction, OrderOfBraces) {
  EXPECT_CHOICE(kFirstOfBraces, braces_are_pythons() ? 1 : 2);
}

TEST(Prediction, OrderOfArguments) {
  constexpr int kUnspecified = 0;  // [expr.call]: no program can find that out by running
  EXPECT_CHOICE(kFirstOfArguments, kUnspecified);
}

TEST(Prediction, WaysThatGiveTheWeightsOfPython) {
  EXPECT_CHOICE(kWaysThatGivePythonsWeights, members_are_pythons() + braces_are_pythons());
}

}  // namespace
