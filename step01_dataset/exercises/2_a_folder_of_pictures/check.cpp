// A folder of pictures is written, and the Dataset of folder_dataset.h reads it.
#include "folder_dataset.h"
#include "remove_tree.h"

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;
// Two pixels, the first of which tells the files apart.
void write_picture(const fs::path& path, int brightness) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << "P5\n2 1\n255\n"
                                        << static_cast<char>(brightness) << '\0';
}

class FolderOfPictures : public ::testing::Test {
 protected:
  void SetUp() override {
    course::remove_tree(folder_);
    write_picture(folder_ / "trouser" / "0007.pgm", 70);
    write_picture(folder_ / "bag" / "0002.pgm", 20);
    write_picture(folder_ / "bag" / "0001.pgm", 10);
    write_picture(folder_ / "coat" / "0001.pgm", 50);
    std::ofstream(folder_ / "coat" / "notes.txt") << "the blue one is blurred";
    std::ofstream(folder_ / "LICENCE") << "free";
  }
  void TearDown() override { course::remove_tree(folder_); }
  // The first pixel of every sample, as the file has it.
  std::vector<int> brightness() {
    FolderDataset dataset(folder_);
    std::vector<int> found;
    for (size_t i = 0; i < *dataset.size(); ++i) {
      found.push_back(
          static_cast<int>(std::lround(dataset.get(i).data.flatten()[0].item<float>() * 255)));
    }
    return found;
  }
  const fs::path folder_ = fs::current_path() / "clothes";
};

TEST_F(FolderOfPictures, ClassesAreTheFoldersInTheOrderOfTheirNames) {
  EXPECT_EQ(FolderDataset(folder_).class_names(),
            (std::vector<std::string>{"bag", "coat", "trouser"}));
}

TEST_F(FolderOfPictures, OnlyPicturesCount) {
  EXPECT_EQ(FolderDataset(folder_).size().value_or(99), 4) << "Four files end in .pgm";
}

TEST_F(FolderOfPictures, ALabelIsTheNumberOfItsClass) {
  FolderDataset dataset(folder_);
  std::vector<int64_t> labels;
  for (size_t i = 0; i < *dataset.size(); ++i) {
    const torch::data::Example<> sample = dataset.get(i);
    EXPECT_EQ(sample.data.scalar_type(), torch::kFloat32);
    EXPECT_EQ(sample.data.sizes(), (std::vector<int64_t>{1, 1, 2}));
    labels.push_back(sample.target.item<int64_t>());
  }
  EXPECT_EQ(labels, (std::vector<int64_t>{0, 0, 1, 2}));
}

TEST_F(FolderOfPictures, FilesComeInTheOrderOfTheirNames) {
  EXPECT_EQ(brightness(), (std::vector<int>{10, 20, 50, 70}));
}

TEST_F(FolderOfPictures, SamplesAreReadWhenTheyAreAskedFor) {
  FolderDataset dataset(folder_);
  write_picture(folder_ / "coat" / "0001.pgm", 255);
  EXPECT_NEAR(dataset.get(2).data.flatten()[0].item<double>(), 1.0, 1e-6)
      << "The file was changed after the Dataset was made, and before the sample was asked for";
}

}  // namespace
