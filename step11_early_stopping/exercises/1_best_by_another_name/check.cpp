// Three epochs of a model whose weight says which one it is, kept by best_weights.h.
#include "best_weights.h"

#include <gtest/gtest.h>

#include <cmath>

namespace {

struct EpochImpl : torch::nn::Module {
  void go_to(double value) {
    weight.detach().fill_(value);
    mean.fill_(value);
  }
  torch::Tensor weight{register_parameter("weight", torch::zeros({}))};
  torch::Tensor mean{register_buffer("mean", torch::zeros({}))};
};
TORCH_MODULE(Epoch);

// Goes through epochs 1, 2, ... with these losses, and puts the best back.
Epoch after(const std::vector<double>& losses) {
  Epoch model;
  BestWeights best;
  for (size_t i = 0; i < losses.size(); ++i) {
    model->go_to(static_cast<double>(i) + 1);
    best.observe(*model, losses[i]);
  }
  best.restore(*model);
  return model;
}

TEST(BestWeights, AreThoseOfTheBestEpoch) {
  EXPECT_EQ(after({0.5, 0.2, 0.4})->weight.item<double>(), 2)
      << "The weight says its epoch; losses of 0.5, 0.2, 0.4";
  EXPECT_EQ(after({0.5, 0.2, 0.2})->weight.item<double>(), 2)
      << "Of two that are equally good the first; losses of 0.5, 0.2, 0.2";
}

TEST(BestWeights, BuffersToo) {
  EXPECT_EQ(after({0.5, 0.2, 0.4})->mean.item<double>(), 2) << "The buffer says its epoch, too";
}

TEST(BestWeights, ALossThatIsNoNumberIsNotTheBest) {
  EXPECT_EQ(after({0.5, std::nan(""), 0.6})->weight.item<double>(), 1) << "Losses of 0.5, NaN, 0.6";
}

TEST(BestWeights, NothingToRestore) {
  EXPECT_EQ(after({std::nan(""), std::nan("")})->weight.item<double>(), 2)
      << "No epoch was of any use: the model stays as it is";
}

}  // namespace
