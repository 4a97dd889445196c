// Tests that the shipped subset of Fashion-MNIST is what its README says, and where it comes from.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "data/image_set.h"
#include "data_testing.h"

namespace course {
namespace {

namespace fs = std::filesystem;

const DataLocation kSample{.folder = COURSE_SAMPLE_DIR, .origin = "test", .sample = true};
const DataLocation kWhole{.folder = "/usr/share/datasets/fashion-mnist", .origin = "test"};

std::string bytes_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

TEST(DataSample, IsBalanced) {
  const ImageSet train = load_image_set(kSample, Split::train);
  EXPECT_EQ(train.name, "Fashion-MNIST (sample)");
  EXPECT_EQ(train.class_names[0], "T-shirt/top");
  EXPECT_EQ(train.class_names[9], "Ankle boot");
  EXPECT_EQ(train.images.size(0), 2000);
  EXPECT_TRUE(torch::equal(train.labels.bincount(), torch::full({10}, 200)));
  const ImageSet test = load_image_set(kSample, Split::test);
  EXPECT_EQ(test.name, "Fashion-MNIST (sample)");
  EXPECT_EQ(test.images.size(0), 500);
  EXPECT_TRUE(torch::equal(test.labels.bincount(), torch::full({10}, 50)));
}

TEST(DataSample, IsTheBeginningOfEachClassOfTheWholeSet) {
  if (!fs::exists(kWhole.folder)) GTEST_SKIP() << kWhole.folder << " is not there";
  for (const auto& [split, count] : {std::pair{Split::train, 200}, std::pair{Split::test, 50}}) {
    const ImageSet whole = load_image_set(kWhole, split);
    EXPECT_EQ(whole.name, "Fashion-MNIST");
    std::vector<torch::Tensor> chosen;
    for (int label = 0; label < 10; ++label) {
      chosen.push_back(whole.labels.eq(label).nonzero().view(-1).narrow(0, 0, count));
    }
    const torch::Tensor rows = std::get<0>(torch::cat(chosen).sort());
    const ImageSet sample = load_image_set(kSample, split);
    EXPECT_TRUE(torch::equal(sample.labels, whole.labels.index_select(0, rows)));
    EXPECT_TRUE(torch::equal(sample.images, whole.images.index_select(0, rows)));
  }
}

TEST(DataSample, ItsToolMakesTheSameBytesAgain) {
  if (!fs::exists(kWhole.folder)) GTEST_SKIP() << kWhole.folder << " is not there";
  if (std::system("python3 --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "no python3 here";
  const testing::TemporaryFolder folder;
  const fs::path tool = fs::path(COURSE_SAMPLE_DIR) / "../../../tools/make_sample.py";
  const std::string command = "python3 '" + tool.string() + "' '" + kWhole.folder.string() + "' '" +
                              folder.path().string() + "' > '" +
                              (folder.path() / "printed").string() + "'";
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
  for (const char* name : {"train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz",
                           "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"}) {
    EXPECT_TRUE(bytes_of(folder.path() / name) == bytes_of(kSample.folder / name)) << name;
  }
  // The checksums that the tool prints are those of the README.
  const std::string readme = bytes_of(kSample.folder / "README.md");
  std::ifstream printed(folder.path() / "printed");
  int checked = 0;
  for (std::string sum, name; printed >> sum >> name; ++checked) {
    const auto line = readme.find("| `" + name + "` |");
    ASSERT_NE(line, std::string::npos) << name;
    EXPECT_NE(readme.substr(line, readme.find('\n', line) - line).find(sum), std::string::npos)
        << name;
  }
  EXPECT_EQ(checked, 4);
}

}  // namespace
}  // namespace course
