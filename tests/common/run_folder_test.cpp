// Run folders: never shared, found again through `latest`, refused with a reason.
#include "run/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "data_testing.h"
#include "error.h"
#include "run/environment.h"

namespace {

namespace fs = std::filesystem;
using course::testing::TemporaryFolder;

TEST(RunFolder, OfTheSameSecondHaveNumbers) {
  const TemporaryFolder parent;
  std::set<fs::path> folders;
  for (int i = 0; i < 5; ++i) folders.insert(course::make_run_folder(parent.path() / "runs"));
  EXPECT_EQ(folders.size(), 5);
  for (const fs::path& folder : folders) {
    EXPECT_TRUE(fs::is_directory(folder));
    EXPECT_THAT(folder.filename().string(),
                testing::MatchesRegex("20[0-9]+-[0-9]+-[0-9]+_[0-9]+-[0-9]+-[0-9]+(-[2-5])?"));
  }
}

TEST(RunFolder, NeverSharedByProcesses) {
  const TemporaryFolder parent;
  constexpr int kProcesses = 8, kEach = 20;
  for (int p = 0; p < kProcesses; ++p) {
    if (fork() != 0) continue;
    bool fresh = true;
    for (int i = 0; i < kEach; ++i) {
      const fs::path folder = course::make_run_folder(parent.path());
      fresh = fresh && fs::is_empty(folder) && fs::create_directory(folder / "mine");
    }
    _exit(fresh ? 0 : 1);
  }
  for (int p = 0; p < kProcesses; ++p) {
    int status = 0;
    wait(&status);
    EXPECT_EQ(status, 0);
  }
  int folders = 0;
  for (const auto& entry : fs::directory_iterator(parent.path())) {
    EXPECT_NE(entry.path().filename().string().front(), '.') << entry.path();
    folders += entry.is_symlink() ? 0 : 1;
  }
  EXPECT_EQ(folders, kProcesses * kEach);
}

TEST(RunFolder, LatestPointsToTheNewest) {
  const TemporaryFolder parent;
  course::make_run_folder(parent.path());
  const fs::path second = course::make_run_folder(parent.path());
  EXPECT_TRUE(fs::equivalent(parent.path() / "latest", second));
}

// A trainer in another container may have the number of this process.
TEST(RunFolder, LatestIsSetBesideAProcessOfTheSameNumber) {
  const TemporaryFolder parent;
  const fs::path theirs = parent.path() / (".latest." + std::to_string(getpid()));
  fs::create_directory_symlink("elsewhere", theirs);
  const fs::path folder = course::make_run_folder(parent.path());
  EXPECT_TRUE(fs::is_symlink(theirs));
  EXPECT_EQ(fs::read_symlink(parent.path() / "latest"), folder.filename());
}

TEST(RunFolder, SomethingElseCalledLatestIsLeftAlone) {
  const TemporaryFolder parent;
  parent.write("latest", "mine");
  course::make_run_folder(parent.path());
  EXPECT_TRUE(fs::is_regular_file(parent.path() / "latest"));
}

TEST(RunFolder, CannotBeMadeBelowAFile) {
  const TemporaryFolder parent;
  parent.write("file", "");
  try {
    course::make_run_folder(parent.path() / "file" / "runs");
    FAIL();
  } catch (const course::Error& error) {
    EXPECT_THAT(error.what(), testing::AllOf(testing::HasSubstr("cannot be made: Not a directory"),
                                             testing::HasSubstr("--run-dir")));
  }
}

TEST(RunFolder, ThatCannotBeMadeNamesTheOptionOfTheProgram) {
  const TemporaryFolder parent;
  const fs::path file = parent.write("file", "");
  try {
    course::make_run_folder(file, "run_dir");
    FAIL();
  } catch (const course::Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("; name another place with run_dir or $COURSE"));
  }
}

TEST(RunFolder, IsWhereItWasAskedFor) {
  setenv("COURSE_RUNS", "/somewhere", 1);
  EXPECT_EQ(course::runs_folder("mine"), "mine");
  EXPECT_EQ(course::runs_folder(""), "/somewhere");
  setenv("COURSE_RUNS", "", 1);
  EXPECT_EQ(course::runs_folder(""), "runs");
  unsetenv("COURSE_RUNS");
  EXPECT_EQ(course::runs_folder(""), "runs");
}

TEST(RunEnvironment, SaysWhatARunDependsOn) {
  std::vector<std::string> names;
  for (const auto& [name, value] : course::environment()) {
    names.push_back(name);
    EXPECT_NE(value, "");
    EXPECT_EQ(value.find('\n'), std::string::npos) << name;
    if (name == "processor") {
      EXPECT_EQ(value.find("unknown"), std::string::npos) << value;
    }
  }
  EXPECT_THAT(names, testing::ElementsAre("git revision", "libtorch", "compiler", "BLAS",
                                          "processor", "CUDA"));
}

TEST(RunEnvironment, RevisionIsThatOfTheRepository) {
  EXPECT_THAT(course::git_revision(),
              testing::MatchesRegex("[0-9a-f]+ \\((clean|with changes that were not committed)\\)"
                                    "|unknown: not built from a git repository"));
}

}  // namespace
