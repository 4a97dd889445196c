// Tests where data are looked for and how sets are recognised and checked.
#include "data/find.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "data/image_set.h"
#include "data_testing.h"
#include "error.h"
#include "remove_tree.h"

namespace course {
namespace {

namespace fs = std::filesystem;
using testing::idx_images;
using testing::idx_labels;
using testing::message_of;
using testing::packed;
using testing::TemporaryFolder;

// Sets or unsets COURSE_DATA for one test; the rest of the tests see what was there before.
class CourseData {
 public:
  explicit CourseData(const char* value) {
    if (const char* before = std::getenv("COURSE_DATA")) before_ = before;
    set(value);
  }
  ~CourseData() { set(before_ ? before_->c_str() : nullptr); }

 private:
  static void set(const char* value) {
    if (value != nullptr) {
      setenv("COURSE_DATA", value, 1);
    } else {
      unsetenv("COURSE_DATA");
    }
  }
  std::optional<std::string> before_;
};

// Seven images of a set that nobody knows.
void write_split(const TemporaryFolder& folder, const std::string& stem,
                 const std::string& subfolder = "") {
  const std::string prefix = subfolder + stem;
  folder.write(prefix + "-images-idx3-ubyte", idx_images(7));
  folder.write(prefix + "-labels-idx1-ubyte.gz", packed(idx_labels({1, 2, 3, 4, 5, 6, 7})));
}

void write_set(const TemporaryFolder& folder, const std::string& subfolder = "") {
  write_split(folder, "train", subfolder);
  write_split(folder, "t10k", subfolder);
}

TEST(DataFind, NamedFolderWinsOverEnvironmentOverUsualPlaces) {
  const TemporaryFolder named;
  const TemporaryFolder environment;
  const TemporaryFolder usual;
  for (const TemporaryFolder* folder : {&named, &environment, &usual}) write_set(*folder);
  const std::vector<DataLocation> places{{.folder = usual.path(), .origin = "usual"}};
  const CourseData variable(environment.path().c_str());
  DataLocation found = find_data(named.path().string(), places);
  EXPECT_EQ(found.folder, named.path());
  EXPECT_EQ(found.origin, "--data-dir");
  EXPECT_FALSE(found.sample);
  found = find_data("", places);
  EXPECT_EQ(found.folder, environment.path());
  EXPECT_EQ(found.origin, "$COURSE_DATA");
  const CourseData empty("");
  found = find_data("", places);
  EXPECT_EQ(found.folder, usual.path());
  EXPECT_EQ(found.origin, "usual");
}

TEST(DataFind, IncompleteUsualPlacesArePassedOver) {
  const CourseData unset(nullptr);
  const TemporaryFolder folder;
  write_set(folder, "three/");
  fs::remove(folder.path() / "three" / "t10k-labels-idx1-ubyte.gz");
  write_set(folder, "folder/");
  fs::remove(folder.path() / "folder" / "train-images-idx3-ubyte");
  fs::create_directory(folder.path() / "folder" / "train-images-idx3-ubyte");
  write_set(folder, "four/");
  write_set(folder, "later/");
  std::vector<DataLocation> places;
  for (const char* name : {"none", "three", "folder", "four", "later"}) {
    places.push_back({.folder = folder.path() / name, .origin = name});
  }
  EXPECT_EQ(find_data("", places).origin, "four");
  course::remove_tree(folder.path() / "four");
  EXPECT_EQ(find_data("", places).origin, "later");
}

TEST(DataFind, NothingFoundNamesEveryPlace) {
  const CourseData unset(nullptr);
  const std::vector<DataLocation> places{{.folder = "/no/a", .origin = "a"},
                                         {.folder = "/no/b", .origin = "b"},
                                         {.folder = "/no/c", .origin = "c"}};
  EXPECT_EQ(message_of<Error>([&places] { (void)find_data("", places); }),
            "no data set was found: none of /no/a, /no/b and /no/c has all four files; fetch it "
            "with ./course data fashion-mnist, or name a folder with --data-dir or $COURSE_DATA");
}

TEST(DataFind, NamesTheOptionOfTheProgram) {
  const CourseData unset(nullptr);
  const std::vector<DataLocation> nowhere{{.folder = "/no/a", .origin = "a"}};
  EXPECT_EQ(message_of<Error>([&] { find_data("", nowhere, "mnist", "data.dir"); }),
            "no data set was found: none of /no/a has all four files; fetch it with ./course data "
            "mnist, or name a folder with data.dir or $COURSE_DATA");
  EXPECT_EQ(message_of<Error>([] { find_data("/no/such/folder", "data.dir"); }),
            "data.dir: /no/such/folder does not exist; name a folder with the four IDX files of a "
            "data set (each may end in .gz), or leave data.dir out to search the usual places");
  // And so does who reads it later, wherever it was found.
  const TemporaryFolder folder;
  write_split(folder, "train");
  const CourseData variable(folder.path().c_str());
  for (const std::string& data_dir : {folder.path().string(), std::string()}) {
    const DataLocation found = find_data(data_dir, "data.dir");
    const std::string message = message_of<Error>([&] { split_files(found, Split::test); });
    EXPECT_NE(message.find("or name another folder with data.dir"), std::string::npos) << message;
  }
}

TEST(DataFind, OtherPlacesForAnotherSet) {
  const TemporaryFolder folder;
  const CourseData unset(nullptr);
  const std::vector<DataLocation> places{{folder.path(), "of this test"}};
  const std::string message = message_of<Error>([&] { find_data("", places, "mnist"); });
  EXPECT_NE(message.find("./course data mnist"), std::string::npos) << message;
  EXPECT_NE(message.find(folder.path().string()), std::string::npos) << message;
  write_set(folder);
  EXPECT_EQ(find_data("", places, "mnist").folder, folder.path());
  ASSERT_EQ(mnist_places().size(), 1U);
  EXPECT_EQ(mnist_places().front().folder.filename(), "mnist");
}

TEST(DataFind, UsualPlacesInTheirOrder) {
  const std::vector<DataLocation> places = usual_places();
  ASSERT_EQ(places.size(), 4U);
  const fs::path repository = fs::path(COURSE_SAMPLE_DIR).parent_path().parent_path().parent_path();
  EXPECT_EQ(places[0].folder, repository / "data");
  EXPECT_EQ(places[1].folder, repository / "data" / "fashion-mnist");
  EXPECT_EQ(places[2].folder, "/usr/share/datasets/fashion-mnist");
  EXPECT_EQ(places[3].folder, COURSE_SAMPLE_DIR);
  EXPECT_TRUE(places[3].sample);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(places[i].sample) << i;
}

TEST(DataFind, SomethingIsFoundFromAnyWorkingDirectory) {
  const CourseData unset(nullptr);
  const fs::path before = fs::current_path();
  fs::current_path("/");
  const DataLocation found = find_data("");
  fs::current_path(before);
  EXPECT_TRUE(fs::exists(split_files(found, Split::train).images));
  EXPECT_TRUE(fs::exists(split_files(found, Split::test).labels));
}

TEST(DataFind, NamedFolderThatIsNotThere) {
  const CourseData unset(nullptr);
  EXPECT_EQ(message_of<Error>([] { (void)find_data("/no/such/folder"); }),
            "--data-dir: /no/such/folder does not exist; name a folder with the four IDX files of "
            "a data set (each may end in .gz), or leave --data-dir out to search the usual places");
  const CourseData variable("/no/such/folder");
  EXPECT_EQ(message_of<Error>([] { (void)find_data(""); }),
            "$COURSE_DATA: /no/such/folder does not exist; name a folder with the four IDX files "
            "of a data set (each may end in .gz), or unset COURSE_DATA to search the usual places");
  const TemporaryFolder folder;
  const std::string file = folder.write("file", "x").string();
  EXPECT_EQ(message_of<Error>([&file] { (void)find_data(file); }),
            "--data-dir: " + file +
                " is not a folder that can be read; name a folder with the four IDX files of a "
                "data set (each may end in .gz), or leave --data-dir out to search the usual "
                "places");
}

TEST(DataFind, NamedFolderNeedsOneCompleteSplit) {
  const TemporaryFolder folder;
  const std::string name = folder.path().string();
  const std::string advice =
      "; name a folder with the four IDX files of a data set (each may end in .gz), or leave "
      "--data-dir out to search the usual places";
  EXPECT_EQ(message_of<Error>([&name] { (void)find_data(name); }),
            "--data-dir: " + name +
                " lacks train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte "
                "and t10k-labels-idx1-ubyte" +
                advice);
  write_set(folder);
  fs::remove(folder.path() / "train-images-idx3-ubyte");
  fs::remove(folder.path() / "t10k-labels-idx1-ubyte.gz");
  EXPECT_EQ(
      message_of<Error>([&name] { (void)find_data(name); }),
      "--data-dir: " + name + " lacks train-images-idx3-ubyte and t10k-labels-idx1-ubyte" + advice);
}

TEST(DataFind, MissingSplitIsAnErrorOnlyWhenItIsAskedFor) {
  const TemporaryFolder folder;
  write_split(folder, "t10k");
  const DataLocation location = find_data(folder.path().string());
  EXPECT_EQ(load_image_set(location, Split::test).labels.size(0), 7);
  EXPECT_EQ(message_of<Error>([&location] { (void)load_image_set(location, Split::train); }),
            folder.path().string() +
                " (--data-dir) lacks train-images-idx3-ubyte and train-labels-idx1-ubyte (or the "
                "same with .gz) of the training split; put what is missing there, or name another "
                "folder with --data-dir");
}

TEST(DataFind, EverySpellingOfAFileName) {
  const TemporaryFolder folder;
  const DataLocation location{.folder = folder.path(), .origin = "test"};
  folder.write("t10k-labels-idx1-ubyte", "");
  // From the least preferred to the most.
  for (const char* name : {"t10k-images.idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz",
                           "t10k-images.idx3-ubyte", "t10k-images-idx3-ubyte"}) {
    folder.write(name, "");
    EXPECT_EQ(split_files(location, Split::test).images, folder.path() / name);
  }
}

TEST(DataFind, DescribesALocationInOneLine) {
  EXPECT_EQ(describe({.folder = "/usr/share/datasets/fashion-mnist",
                      .origin = "Debian's package dataset-fashion-mnist"}),
            "data: /usr/share/datasets/fashion-mnist (Debian's package dataset-fashion-mnist)");
  const CourseData variable(COURSE_SAMPLE_DIR);
  const DataLocation named = find_data("");
  EXPECT_TRUE(named.sample) << "the sample by another way is still the sample";
  EXPECT_EQ(describe(named), std::string("data: ") + COURSE_SAMPLE_DIR +
                                 " (a small real subset of Fashion-MNIST, 2,000 + 500 images; get "
                                 "all 70,000 with ./course data fashion-mnist)");
}

DataLocation location_of(const TemporaryFolder& folder) {
  return {.folder = folder.path(), .origin = "test"};
}

TEST(DataImageSet, UnknownSet) {
  const TemporaryFolder folder;
  write_set(folder);
  const ImageSet set = load_image_set(location_of(folder), Split::train);
  EXPECT_EQ(set.name, "unknown set");
  EXPECT_EQ(set.images.sizes(), (std::vector<int64_t>{7, 28, 28}));
  EXPECT_TRUE(torch::equal(set.labels, torch::arange(1, 8)));
  ASSERT_EQ(set.class_names.size(), 10U);
  EXPECT_EQ(set.class_names[0], "class 0");
  EXPECT_EQ(set.class_names[9], "class 9");
}

// A set of `count` tiny files whose first labels are as given.
ImageSet set_with_labels(const std::vector<uint8_t>& first, uint32_t count, Split split) {
  const TemporaryFolder folder;
  const std::string stem = split == Split::train ? "train" : "t10k";
  std::vector<uint8_t> labels(count, 0);
  std::copy(first.begin(), first.end(), labels.begin());
  folder.write(stem + "-images-idx3-ubyte", idx_images(count));
  folder.write(stem + "-labels-idx1-ubyte", idx_labels(labels));
  return load_image_set(location_of(folder), split);
}

TEST(DataImageSet, KnownSetsAreToldByTheirFirstTenLabels) {
  const std::vector<uint8_t> fashion_train{9, 0, 0, 3, 0, 2, 7, 2, 5, 5};
  const std::vector<uint8_t> fashion_test{9, 2, 1, 1, 6, 1, 4, 6, 5, 7};
  const std::vector<uint8_t> mnist_train{5, 0, 4, 1, 9, 2, 1, 3, 1, 4};
  const std::vector<uint8_t> mnist_test{7, 2, 1, 0, 4, 1, 4, 9, 5, 9};
  EXPECT_EQ(set_with_labels(fashion_train, 60000, Split::train).name, "Fashion-MNIST");
  EXPECT_EQ(set_with_labels(fashion_train, 59999, Split::train).name, "Fashion-MNIST (sample)");
  EXPECT_EQ(set_with_labels(fashion_test, 10000, Split::test).name, "Fashion-MNIST");
  EXPECT_EQ(set_with_labels(fashion_test, 10, Split::test).name, "Fashion-MNIST (sample)");
  EXPECT_EQ(set_with_labels(mnist_train, 13, Split::train).name, "MNIST (sample)");
  const ImageSet mnist = set_with_labels(mnist_test, 10000, Split::test);
  EXPECT_EQ(mnist.name, "MNIST");
  EXPECT_EQ(mnist.class_names,
            (std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}));
  // The labels of the other split, and nine of ten, do not count.
  EXPECT_EQ(set_with_labels(fashion_test, 13, Split::train).name, "unknown set");
  EXPECT_EQ(set_with_labels({9, 0, 0, 3, 0, 2, 7, 2, 5, 4}, 13, Split::train).name, "unknown set");
}

std::string set_fault(const TemporaryFolder& folder) {
  std::string text =
      message_of<Error>([&folder] { (void)load_image_set(location_of(folder), Split::test); });
  const std::string prefix = folder.path().string() + "/";
  EXPECT_EQ(text.rfind(prefix, 0), 0U) << text;
  return text.substr(std::min(text.size(), prefix.size()));
}

TEST(DataImageSet, OtherSizesAreRefused) {
  const TemporaryFolder folder;
  folder.write("t10k-images-idx3-ubyte", idx_images(3, 32));
  folder.write("t10k-labels-idx1-ubyte", idx_labels({1, 2, 3}));
  EXPECT_EQ(set_fault(folder),
            "t10k-images-idx3-ubyte holds images of 32 x 32 pixels, but 28 x 28 were expected; "
            "only MNIST and sets of its form can be used");
}

TEST(DataImageSet, CountsMustAgree) {
  const TemporaryFolder folder;
  folder.write("t10k-images-idx3-ubyte", idx_images(3));
  folder.write("t10k-labels-idx1-ubyte.gz", packed(idx_labels({1, 2, 3, 4})));
  EXPECT_EQ(set_fault(folder),
            "t10k-images-idx3-ubyte holds 3 images, but t10k-labels-idx1-ubyte.gz beside it holds "
            "4 labels; take both from the same data set");
}

TEST(DataImageSet, LabelsAboveNineAreRefused) {
  const TemporaryFolder folder;
  folder.write("t10k-images-idx3-ubyte", idx_images(5));
  folder.write("t10k-labels-idx1-ubyte", idx_labels({9, 0, 10, 255, 3}));
  EXPECT_EQ(set_fault(folder),
            "t10k-labels-idx1-ubyte has the label 10 at index 2, but labels from 0 to 9 were "
            "expected; only sets of ten classes can be used");
}

TEST(DataImageSet, FaultsOfAFileComeThrough) {
  const TemporaryFolder folder;
  write_set(folder);
  fs::remove(folder.path() / "t10k-images-idx3-ubyte");
  fs::create_directory(folder.path() / "t10k-images-idx3-ubyte");
  EXPECT_EQ(set_fault(folder),
            "t10k-images-idx3-ubyte is a folder, but a file in IDX format was expected");
}

}  // namespace
}  // namespace course
