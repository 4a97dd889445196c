// The thread policy on machines that are made up, and what is read of a machine's files.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdlib>
#include <string>

#include "data_testing.h"
#include "device/threads.h"
#include "error.h"

namespace course {
namespace {

using testing::TemporaryFolder;

std::string chosen(int64_t requested, const Processors& processors) {
  const ThreadChoice choice = choose_threads(requested, processors);
  return std::to_string(choice.threads) + ": " + choice.reason;
}

TEST(ChooseThreads, TakesHalfOfThePhysicalCores) {
  EXPECT_EQ(chosen(0, {.logical = 16, .physical = 8, .allowed = 16}),
            "4: half of 8 physical cores");
  EXPECT_EQ(chosen(0, {.logical = 2, .physical = 2, .allowed = 2}), "1: half of 2 physical cores");
  EXPECT_EQ(chosen(0, {.logical = 3, .physical = 3, .allowed = 3}), "1: half of 3 physical cores");
  EXPECT_EQ(chosen(0, {.logical = 2, .physical = 1, .allowed = 2}), "1: 1 physical core");
}

TEST(ChooseThreads, TakesNoMoreThanTheQuotaPaysFor) {
  EXPECT_EQ(chosen(0, {.logical = 16, .physical = 8, .allowed = 16, .quota = 2.5}),
            "2: a quota of 2.5 processors");
  EXPECT_EQ(chosen(0, {.logical = 16, .physical = 8, .allowed = 16, .quota = 0.5}),
            "1: a quota of 0.5 processors");
  EXPECT_EQ(chosen(0, {.logical = 16, .physical = 8, .allowed = 16, .quota = 4.5}),
            "4: half of 8 physical cores");
}

TEST(ChooseThreads, ObeysOmpNumThreadsThenTheRequest) {
  const Processors machine{
      .logical = 16, .physical = 8, .allowed = 16, .quota = 2, .omp_num_threads = 5};
  EXPECT_EQ(chosen(0, machine), "5: OMP_NUM_THREADS=5");
  EXPECT_EQ(chosen(3, machine), "3: asked for");
}

TEST(ChooseThreads, RefusesANegativeNumber) {
  EXPECT_THROW(choose_threads(-1, {}), UsageError);
}

TEST(ChooseThreads, RefusesMoreThanAnyMachineHas) {
  const auto refusal = [](int64_t requested, int64_t omp_num_threads) -> std::string {
    try {
      return chosen(requested, {.omp_num_threads = omp_num_threads});
    } catch (const UsageError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refusal(1024, 0), "1024: asked for");
  EXPECT_EQ(refusal(1025, 0),
            "--threads takes a whole number from 0 to 1024 (0: half of the cores), not '1025'");
  EXPECT_EQ(refusal(int64_t{1} << 32, 0),
            "--threads takes a whole number from 0 to 1024 (0: half of the cores), not "
            "'4294967296'");
  EXPECT_EQ(refusal(0, 1024), "1024: OMP_NUM_THREADS=1024");
  EXPECT_EQ(refusal(0, 1025),
            "the environment variable OMP_NUM_THREADS asks for more than 1024 threads; set it to "
            "1024 or less, or unset it");
  EXPECT_EQ(refusal(2, 1025), "2: asked for") << "what is not looked at is not refused";
}

TEST(ChooseThreads, NamesTheOptionOfTheProgram) {
  try {
    choose_threads(-1, {}, "threads");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("threads takes a whole number", 0), 0U);
  }
}

/// The value of OMP_NUM_THREADS for one test.
class OmpNumThreads {
 public:
  explicit OmpNumThreads(const char* value) {
    if (const char* old = std::getenv("OMP_NUM_THREADS")) old_ = old;
    value == nullptr ? unsetenv("OMP_NUM_THREADS") : setenv("OMP_NUM_THREADS", value, 1);
  }
  ~OmpNumThreads() {
    old_.empty() ? unsetenv("OMP_NUM_THREADS") : setenv("OMP_NUM_THREADS", old_.c_str(), 1);
  }

 private:
  std::string old_;
};

TEST(FindProcessors, ReadsOmpNumThreadsAsLibgompDoes) {
  const auto read = [](const char* value) {
    const OmpNumThreads variable(value);
    return find_processors().omp_num_threads;
  };
  EXPECT_EQ(read("3"), 3);
  EXPECT_EQ(read("4,2"), 4) << "the outermost level of a list";
  EXPECT_EQ(read(nullptr), 0);
  EXPECT_EQ(read(" 4 , 2 "), 4);
  for (const char* nonsense :
       {"", "0", "-2", "many", "4x", "1.5", "4,two", "4,", ",4", "4,0", " "}) {
    EXPECT_EQ(read(nonsense), 0) << nonsense;
  }
  const int64_t huge = read("100000000000000000000");
  EXPECT_GT(huge, 1024) << "and no negative number";
  EXPECT_EQ(read("100000000000000000000,2"), huge);
  EXPECT_EQ(read("-100000000000000000000"), 0);
}

TEST(SetUpThreads, ANumberThatNoMachineHasIsOneSentence) {
  const OmpNumThreads variable("100000000000000000000");
  EXPECT_THROW(set_up_threads(), UsageError) << "and not libtorch's own error";
}

TEST(FindProcessors, KnowsThisMachine) {
  const Processors found = find_processors();
  EXPECT_GE(found.physical, 1);
  EXPECT_LE(found.physical, found.allowed);
  EXPECT_LE(found.allowed, found.logical);
}

#ifdef __linux__
/// The files of a machine whose hardware threads are all of one core, and of two.
void write_topology(const TemporaryFolder& root, bool two_cores) {
  for (int cpu = 0; cpu < 1024; ++cpu) {
    root.write(
        "sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list",
        two_cores ? (cpu % 2 == 0 ? "even\n" : "odd\n") : "0-1023\n");
  }
}

TEST(FindProcessors, CountsTheThreadsOfOneCoreOnce) {
  const TemporaryFolder one, two;
  write_topology(one, false);
  write_topology(two, true);
  EXPECT_EQ(find_processors(one.path()).physical, 1);
  EXPECT_EQ(find_processors(two.path()).physical, std::min<int64_t>(2, find_processors().allowed));
  const TemporaryFolder silent;
  EXPECT_EQ(find_processors(silent.path()).physical, find_processors().allowed)
      << "without topology every hardware thread counts";
}

TEST(FindProcessors, CountsTheProcessorsThatAreOn) {
  const TemporaryFolder root;
  root.write("sys/devices/system/cpu/online", "0-3,8-11,17\n");
  EXPECT_EQ(find_processors(root.path()).logical, 9);
  root.write("sys/devices/system/cpu/online", "what?\n");
  EXPECT_GE(find_processors(root.path()).logical, 1);
}

TEST(FindProcessors, TakesTheTightestQuotaOfTheGroupsAround) {
  const TemporaryFolder root;
  root.write("proc/self/cgroup", "0::/user/box\n");
  EXPECT_EQ(find_processors(root.path()).quota, 0) << "no files, no limit";
  root.write("sys/fs/cgroup/user/box/cpu.max", "max 100000\n");
  EXPECT_EQ(find_processors(root.path()).quota, 0);
  root.write("sys/fs/cgroup/user/cpu.max", "150000 100000\n");
  EXPECT_EQ(find_processors(root.path()).quota, 1.5) << "set on the group around";
  root.write("sys/fs/cgroup/user/box/cpu.max", "50000 100000\n");
  EXPECT_EQ(find_processors(root.path()).quota, 0.5);
  root.write("sys/fs/cgroup/user/cpu.max", "25000 100000\n");
  EXPECT_EQ(find_processors(root.path()).quota, 0.25);
}

TEST(FindProcessors, ReadsTheQuotaOfTheRootGroup) {
  const TemporaryFolder root;  // what a container sees
  root.write("proc/self/cgroup", "0::/\n");
  root.write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(find_processors(root.path()).quota, 2);
}

TEST(FindProcessors, ReadsTheQuotaOfVersion1Groups) {
  const TemporaryFolder root;
  root.write("proc/self/cgroup", "5:cpuset:/a\n4:cpu,cpuacct:/docker/x\n0::/\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "300000\n");
  root.write("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us", "100000\n");
  root.write("sys/fs/cgroup/cpuset/a/cpu.cfs_quota_us", "1\n");
  root.write("sys/fs/cgroup/cpuset/a/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(find_processors(root.path()).quota, 3) << "and not the group of another controller";
  root.write("sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(find_processors(root.path()).quota, 0);
}
#endif

TEST(SetUpThreads, TellsLibtorch) {
  const int before = at::get_num_threads();
  EXPECT_EQ(set_up_threads(3).threads, 3);
  EXPECT_EQ(at::get_num_threads(), 3);
  const ThreadChoice automatic = set_up_threads();
  EXPECT_EQ(at::get_num_threads(), automatic.threads);
  at::set_num_threads(before);
}

}  // namespace
}  // namespace course
