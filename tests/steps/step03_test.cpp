// step03: the parameters of the model, and the ways in which a Module deceives its author.
#define main step03_main
#include "step03_model/main.cpp"
#undef main

#include <gtest/gtest.h>

namespace {

TEST(Step03, ParametersByNameInOrder) {
  const Net model;
  std::vector<std::string> names;
  int64_t total = 0;
  for (const auto& parameter : model->named_parameters()) {
    names.push_back(parameter.key());
    total += parameter.value().numel();
  }
  EXPECT_EQ(names, (std::vector<std::string>{"hidden.weight", "hidden.bias", "output.weight",
                                             "output.bias"}));
  EXPECT_EQ(total, 128 * 784 + 128 + 10 * 128 + 10);
}

TEST(Step03, ForwardIsTwoLayersWithABend) {
  Net model;
  model->eval();
  const torch::Tensor images = torch::rand({3, 1, 28, 28});
  const torch::Tensor features =
      (images.view({3, 784}).matmul(model->hidden->weight.t()) + model->hidden->bias).clamp_min(0);
  const torch::Tensor scores = features.matmul(model->output->weight.t()) + model->output->bias;
  EXPECT_TRUE(torch::allclose(model(images), scores, 1e-5, 1e-6));
}

TEST(Step03, DropoutActsInTrainingModeOnly) {
  Net model;
  const torch::Tensor images = torch::rand({3, 1, 28, 28});
  EXPECT_FALSE(torch::equal(model(images), model(images)));
  model->eval();
  EXPECT_TRUE(torch::equal(model(images), model(images)));
}

TEST(Step03, AnUnregisteredChildIsInvisible) {
  // region unregistered
  struct Forgetful : torch::nn::Module {
    torch::nn::Linear layer{torch::nn::Linear(4, 2)};  // works in forward(), but is nobody's child
  };
  EXPECT_TRUE(Forgetful().parameters().empty());
  // endregion
}

TEST(Step03, AHolderIsAPointer) {
  // region holder
  Net model;
  const Net copy = model;  // another name for the same network
  model->output->bias.detach().fill_(7);
  EXPECT_EQ(copy->output->bias[0].item<float>(), 7);
  // endregion
}

TEST(Step03, AnEmptyHolderThrows) {
  const Net nobody{nullptr};
  EXPECT_TRUE(nobody.is_empty());
  EXPECT_THROW(nobody->parameters(), c10::Error);
}

}  // namespace
