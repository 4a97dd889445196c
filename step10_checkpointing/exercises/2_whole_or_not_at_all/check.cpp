// Saves and loads with keep.h, also when it cannot be done.
#include "keep.h"
#include "remove_tree.h"

#include <gmock/gmock.h>

#include <sstream>

namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class Keep : public ::testing::Test {
 protected:
  void SetUp() override {
    course::remove_tree(folder_);
    fs::create_directories(folder_);
    torch::manual_seed(0);
  }
  void TearDown() override { course::remove_tree(folder_); }
  std::vector<std::string> files() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename().string());
    return names;
  }
  static Weights broken() {
    Weights weights;
    weights.insert("first", torch::ones({2}));
    weights.insert("second", torch::Tensor());
    return weights;
  }
  static std::string refusal(const Weights& weights, torch::nn::Module& model) {
    try {
      load_weights(weights, model);
    } catch (const std::runtime_error& error) {
      return error.what();
    } catch (const std::exception&) {
      return "something else was thrown than a std::runtime_error";
    }
    return "nothing was thrown";
  }
  const fs::path folder_ = fs::current_path() / "kept";
  const fs::path path_ = folder_ / "best.pt";
};

TEST_F(Keep, WhatWasSavedCanBeLoaded) {
  const torch::nn::Linear model(3, 2);
  save_weights(path_, model->named_parameters());
  EXPECT_EQ(files(), std::vector<std::string>{"best.pt"}) << "What is in the folder";
  if (!fs::exists(path_)) return;
  std::vector<torch::Tensor> tensors;
  torch::load(tensors, path_.string());
  ASSERT_EQ(tensors.size(), 2);
  EXPECT_TRUE(torch::equal(tensors[0], model->weight));
}

TEST_F(Keep, AFailedSaveLeavesTheOldFile) {
  std::ofstream(path_) << "the checkpoint of an hour ago";
  EXPECT_ANY_THROW(save_weights(path_, broken())) << "Writing failed, and that must be told";
  std::ostringstream text;
  text << std::ifstream(path_).rdbuf();
  EXPECT_EQ(text.str(), "the checkpoint of an hour ago")
      << "What is in the file after a save that failed";
}

TEST_F(Keep, NothingElseIsLeft) {
  EXPECT_ANY_THROW(save_weights(path_, broken()));
  EXPECT_EQ(files(), std::vector<std::string>{})
      << "What is in the folder after a save that failed";
}

TEST_F(Keep, AnotherModelIsRefusedWithItsName) {
  torch::nn::Linear model(3, 2), wider(3, 5);
  EXPECT_THAT(refusal(wider->named_parameters(), *model), HasSubstr("weight"))
      << "The weight is [5, 3], and not [2, 3]";
  Weights without = model->named_parameters();
  without.erase("bias");
  EXPECT_THAT(refusal(without, *model), HasSubstr("bias")) << "The bias is missing";
  Weights more = model->named_parameters();
  more.insert("scale", torch::ones({1}));
  EXPECT_THAT(refusal(more, *model), HasSubstr("scale")) << "The model has no scale";
}

TEST_F(Keep, ARefusedModelIsAsItWas) {
  torch::nn::Linear model(3, 2), other(3, 2);
  const torch::Tensor before = model->weight.detach().clone();
  Weights without = other->named_parameters();
  without.erase("bias");
  refusal(without, *model);
  EXPECT_TRUE(torch::equal(model->weight, before))
      << "The bias was refused, and the weight is another one already";
  EXPECT_EQ(refusal(other->named_parameters(), *model), "nothing was thrown");
  EXPECT_TRUE(torch::equal(model->weight, other->weight)) << "What fits is to be copied";
}

}  // namespace
