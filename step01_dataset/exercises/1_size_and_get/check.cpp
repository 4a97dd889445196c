// The Dataset of pictures.h: its size, its samples, and an index that it does not have.
#include "pictures.h"

#include <gtest/gtest.h>

namespace {

Pictures five() {
  torch::Tensor images = torch::zeros({5, 8, 8}, torch::kUInt8);
  images[3].fill_(51);  // 51 / 255 = 0.2
  return {images, torch::tensor({4, 3, 2, 1, 0})};
}

TEST(Pictures, SizeIsTheNumberOfSamples) {
  EXPECT_EQ(five().size().value_or(99), 5);
}

TEST(Pictures, ASampleIsAPictureAndItsLabel) {
  const torch::data::Example<> sample = five().get(3);
  EXPECT_EQ(sample.data.sizes(), (std::vector<int64_t>{1, 8, 8}));
  EXPECT_EQ(sample.data.scalar_type(), torch::kFloat32);
  EXPECT_EQ(sample.target.dim(), 0);
  EXPECT_EQ(sample.target.item<int64_t>(), 1) << "The label of sample 3";
}

TEST(Pictures, PixelsAreScaledTo01) {
  EXPECT_NEAR(five().get(3).data.mean().item<double>(), 0.2, 1e-6) << "A pixel of 51 is 51 / 255";
}

TEST(Pictures, AnIndexBehindTheEndIsRefused) {
  std::string message = "nothing was thrown";
  try {
    five().get(5);
  } catch (const c10::IndexError& error) {
    message = error.what_without_backtrace();
  }
  EXPECT_NE(message, "nothing was thrown") << "There are samples 0 to 4, and get(5) must throw";
  EXPECT_EQ(message.find("dimension"), std::string::npos)
      << "There are samples 0 to 4. A reader wants to know which index was wrong and how many "
         "there "
         "are; libtorch's own message is about a tensor: "
      << message;
}

}  // namespace
