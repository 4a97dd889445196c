// Atomic files: names of any length, others who write in the same folder, and processes that die.
#include "serialize/atomic_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "temporary_folder.h"
#include "terminal/interrupt.h"

namespace {

namespace fs = std::filesystem;
using course::testing::bytes_of;
using course::testing::TemporaryFolder;
using testing::ElementsAre;

std::vector<std::string> names_in(const TemporaryFolder& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    names.insert(entry.path().filename().string());
  }
  return {names.begin(), names.end()};
}

// The one file of a folder whose name begins with a dot: what is being written.
fs::path temporary_in(const TemporaryFolder& folder) {
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    if (entry.path().filename().string().front() == '.') return entry.path();
  }
  return {};
}

TEST(AtomicFile, ANameMayBeAsLongAsTheSystemAllows) {
  const TemporaryFolder folder;
  const std::string name = std::string(250, 'x') + ".ckpt";
  course::write_text_atomically(folder.path() / name, "whole");
  EXPECT_EQ(bytes_of(folder.path() / name), "whole");
  EXPECT_THAT(names_in(folder), ElementsAre(name));
}

TEST(AtomicFile, ALinkThatSomebodyHasPlantedIsNotFollowed) {
  const TemporaryFolder folder;
  const fs::path victim = folder.write("victim", "precious");
  fs::create_symlink(victim, folder.path() / (".file.tmp." + std::to_string(getpid())));
  course::write_text_atomically(folder.path() / "file", "new");
  EXPECT_EQ(bytes_of(victim), "precious");
  EXPECT_FALSE(fs::is_symlink(folder.path() / "file"));
}

// As two containers do in which the trainer has the same number.
TEST(AtomicFile, WritersWithTheSameProcessNumberDoNotMeet) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "last.ckpt";
  course::write_atomically(path, [&](const course::Write& write) {
    write("outer", 5);
    course::write_text_atomically(path, "inner");
    EXPECT_EQ(bytes_of(path), "inner");
  });
  EXPECT_EQ(bytes_of(path), "outer");

  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, text = std::string(10000, static_cast<char>('a' + i))] {
      for (int n = 0; n < 20; ++n) course::write_text_atomically(path, text);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const std::string text = bytes_of(path);
  EXPECT_EQ(text, std::string(10000, text[0]));
  EXPECT_THAT(names_in(folder), ElementsAre("last.ckpt"));
}

TEST(AtomicFile, TheUmaskSaysWhoMayReadIt) {
  const TemporaryFolder folder;
  const mode_t before = ::umask(027);
  course::write_text_atomically(folder.path() / "file", "x");
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat((folder.path() / "file").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
}

TEST(AtomicFile, ALinkIsReplacedAndNotWhatItPointsTo) {
  const TemporaryFolder folder;
  const fs::path target = folder.write("target", "old");
  fs::create_symlink("target", folder.path() / "link");
  course::write_text_atomically(folder.path() / "link", "new");
  EXPECT_EQ(bytes_of(target), "old");
  EXPECT_FALSE(fs::is_symlink(folder.path() / "link"));
  EXPECT_EQ(bytes_of(folder.path() / "link"), "new");
}

// A process in the middle of a write; `end` is what becomes of it there.
template <typename End>
int end_of_a_writer(const fs::path& path, End end) {
  const pid_t child = fork();
  if (child == 0) {
    const course::InterruptGuard guard;
    course::write_atomically(path, [&](const course::Write& write) {
      write("half", 4);
      end();
    });
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST(AtomicFile, TheSecondSignalLeavesNothingBehind) {
  const std::vector<std::vector<int>> endings{
      {SIGINT, SIGINT}, {SIGTERM, SIGTERM}, {SIGINT, SIGTERM}, {SIGHUP, SIGINT, SIGTERM}};
  for (const std::vector<int>& signals : endings) {
    const TemporaryFolder folder;
    const fs::path path = folder.write("file", "old");
    const int status = end_of_a_writer(path, [&] {
      for (const int signal : signals) std::raise(signal);
    });
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(WTERMSIG(status), signals.back());
    EXPECT_THAT(names_in(folder), ElementsAre("file"));
    EXPECT_EQ(bytes_of(path), "old");
  }
}

TEST(AtomicFile, AChildThatASignalEndsLeavesWhatItsParentWrites) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "file";
  course::write_atomically(path, [&](const course::Write& write) {
    const pid_t child = fork();
    if (child == 0) {
      const course::InterruptGuard guard;
      std::raise(SIGINT);
      std::raise(SIGINT);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status));
    write("whole", 5);
  });
  EXPECT_EQ(bytes_of(path), "whole");
}

TEST(AtomicFile, LeftoversOfTheDeadGoAndFilesOfTheLivingStay) {
  const TemporaryFolder folder;
  const fs::path path = folder.path() / "file";
  end_of_a_writer(path, [] { std::raise(SIGKILL); });
  const fs::path leftover = temporary_in(folder);
  ASSERT_FALSE(leftover.empty());
  EXPECT_LE(leftover.filename().string().size(), 64U);
  const fs::path stranger = folder.write(".tmp-course-notes", "not ours");

  course::write_atomically(folder.path() / "living", [&](const course::Write& write) {
    EXPECT_FALSE(fs::exists(leftover)) << "of a process that is dead";
    write("half", 4);
    // Another process, which looks for leftovers before its first file in this folder.
    end_of_a_writer(path, [] {});
    write("whole", 5);
  });
  EXPECT_EQ(bytes_of(folder.path() / "living"), "halfwhole");
  EXPECT_EQ(bytes_of(stranger), "not ours");
  EXPECT_THAT(names_in(folder), ElementsAre(".tmp-course-notes", "file", "living"));
}

// A folder with many checkpoints is not read at every save.
TEST(AtomicFile, LeftoversAreLookedForBeforeTheFirstSecondFourthAndEighthFile) {
  const TemporaryFolder folder;
  const auto save = [&] { course::write_text_atomically(folder.path() / "file", "x"); };
  for (int i = 0; i < 4; ++i) save();
  end_of_a_writer(folder.path() / "other", [] { std::raise(SIGKILL); });
  const fs::path leftover = temporary_in(folder);
  ASSERT_FALSE(leftover.empty());
  for (int number = 5; number < 8; ++number) save();
  EXPECT_TRUE(fs::exists(leftover)) << "nobody has looked";
  save();
  EXPECT_FALSE(fs::exists(leftover));
}

}  // namespace
