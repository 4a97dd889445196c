// step01: the contract of the Dataset, and what an index of -1 would do without a check.
#define main step01_main
#include "step01_dataset/main.cpp"
#undef main

#include <gtest/gtest.h>

namespace {

FashionMnist sample_set(course::Split split) {
  return {course::find_data(COURSE_SAMPLE_DIR), split};
}

TEST(Step01, SizeIsTheNumberOfSamples) {
  EXPECT_EQ(*sample_set(course::Split::train).size(), 2000U);
  EXPECT_EQ(*sample_set(course::Split::test).size(), 500U);
}

TEST(Step01, GetReturnsAPictureInZeroToOneAndItsLabel) {
  FashionMnist dataset = sample_set(course::Split::train);
  const course::ImageSet raw =
      course::load_image_set(course::find_data(COURSE_SAMPLE_DIR), course::Split::train);
  const torch::data::Example<> sample = dataset.get(17);
  EXPECT_EQ(sample.data.sizes(), (std::vector<int64_t>{1, 28, 28}));
  EXPECT_EQ(sample.data.scalar_type(), torch::kFloat32);
  EXPECT_TRUE(torch::equal(sample.data[0], raw.images[17].to(torch::kFloat32) / 255));
  EXPECT_EQ(sample.target.dim(), 0);
  EXPECT_EQ(sample.target.scalar_type(), torch::kInt64);
  EXPECT_EQ(sample.target.item<int64_t>(), raw.labels[17].item<int64_t>());
}

TEST(Step01, GetDoesNotCopy) {
  FashionMnist dataset = sample_set(course::Split::test);
  EXPECT_EQ(dataset.get(3).data.data_ptr(), dataset.get(3).data.data_ptr());
}

TEST(Step01, AnIndexOutOfRangeIsRefused) {
  FashionMnist dataset = sample_set(course::Split::test);
  EXPECT_NO_THROW(dataset.get(499));
  try {
    dataset.get(500);
    FAIL() << "get(500) of 500 samples must throw";
  } catch (const c10::IndexError& error) {
    EXPECT_STREQ(error.what_without_backtrace(),
                 "sample 500 was asked for, but there are only 500: 0 to 499");
  }
}

TEST(Step01, MinusOneWithoutACheckIsTheLastSample) {
  FashionMnist dataset = sample_set(course::Split::test);
  // region minus_one
  const size_t index = -1;  // one step too far backwards
  const torch::Tensor samples = torch::tensor({10, 20, 30});
  EXPECT_EQ(samples[static_cast<int64_t>(index)].item<int64_t>(), 30);  // no error: the last one
  EXPECT_THROW(dataset.get(index), c10::IndexError);                    // with the check
  // endregion
}

}  // namespace
