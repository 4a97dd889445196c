// A module's parameters, buffers and parts, each once: the names and the order are Python's.
#include "serialize/parameters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "error.h"
#include "serialize/state_dict.h"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using torch::Tensor;
using torch::optim::OptimizerParamGroup;
using Groups = std::vector<OptimizerParamGroup>;

// Layers under two names, a tensor of two modules, and a buffer that is not defined.
struct Shared : torch::nn::Module {
  Shared() {
    using namespace torch::nn;
    const Sequential enc{Linear(LinearOptions(3, 3).bias(false)), ReLU()};
    register_module("enc", enc);
    register_module("dec", enc);
    Linear head(3, 2);
    register_module("head", head);
    register_module("last", Sequential{head});
    register_parameter("w", head->bias);
    register_parameter("v", torch::ones({5}));
    register_buffer("mean", v);
    register_buffer("same", v);
    register_buffer("none", Tensor());
  }
  Tensor v = torch::zeros({1});
};

TEST(SerializeParameters, AreListedOnceUnderTheirFirstName) {
  const auto module = std::make_shared<Shared>();
  EXPECT_THAT(course::named_parameters(*module).keys(),
              ElementsAre("w", "v", "enc.0.weight", "head.weight"));
  EXPECT_THAT(course::named_parameters(*module, /*recurse=*/false).keys(), ElementsAre("w", "v"));
  EXPECT_EQ(course::parameters(*module).size(), 4);
  EXPECT_EQ(course::parameters(*module, /*recurse=*/false).size(), 2);
  EXPECT_THAT(course::named_buffers(*module).keys(), ElementsAre("mean"));
  EXPECT_EQ(course::buffers(*module).size(), 1);
  EXPECT_EQ(course::buffers(*module->named_children()["enc"]).size(), 0);
  // A state_dict has all names, here as in Python.
  EXPECT_EQ(module->named_parameters().size(), 8);
  EXPECT_EQ(course::state_dict(*module).size(), 8 + 2);
}

TEST(SerializeParameters, SoAreModules) {
  const auto module = std::make_shared<Shared>();
  EXPECT_THAT(course::named_modules(*module).keys(),
              ElementsAre("", "enc", "enc.0", "enc.1", "head", "last"));
  EXPECT_THAT(course::named_modules(*module, "net", /*include_self=*/false).keys(),
              ElementsAre("net.enc", "net.enc.0", "net.enc.1", "net.head", "net.last"));
  EXPECT_EQ(course::modules(*module).size(), 6);
  EXPECT_EQ(course::modules(*module, /*include_self=*/false).size(), 5);
  EXPECT_THAT(course::named_children(*module).keys(), ElementsAre("enc", "head", "last"));
  EXPECT_EQ(course::parameters(Shared()).size(), 4) << "no shared_ptr holds it";
}

TEST(SerializeParameters, OfAnOptimizer) {
  const Tensor a = torch::ones({1}), b = torch::ones({2}), c = torch::ones({3});
  torch::optim::SGD sgd(Groups{std::vector{b, a, b}, std::vector{c, c}}, 0.1);
  EXPECT_EQ(course::parameters(sgd).size(), 3);
  EXPECT_TRUE(course::parameters(sgd)[0].is_same(b));
  course::take_each_once(sgd.param_groups());
  EXPECT_EQ(sgd.param_groups()[0].params().size(), 2);
  EXPECT_TRUE(sgd.param_groups()[0].params()[1].is_same(a));
  EXPECT_EQ(sgd.param_groups()[1].params().size(), 1);
  EXPECT_EQ(sgd.param_groups()[1].options().get_lr(), 0.1);
  const auto known = course::identities({a, c});
  EXPECT_EQ(known.count(course::identity(a)), 1);
  EXPECT_EQ(known.count(course::identity(b)), 0);
}

TEST(SerializeParameters, TwoGroupsCannotHaveTheSame) {
  const Tensor a = torch::ones({1}), b = torch::ones({2});
  Groups groups{std::vector{a, a}, std::vector{b, a}};
  try {
    course::take_each_once(groups);
    FAIL() << "no error";
  } catch (const course::Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("some parameters appear in more than one parameter group"));
  }
  EXPECT_EQ(groups[0].params().size(), 2) << "they are as they were";
}

}  // namespace
