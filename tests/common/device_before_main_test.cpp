// What happens before main: the seed of COURSE_SEED, and OpenMP's threads made to sleep. Seen from
// a second process, this very program, started with other environments.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <torch/torch.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include "second_process.h"

namespace course {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// Not a test but the second process: prints one random number and the environment.
TEST(BeforeMain, DISABLED_SecondProcess) {
  std::cout << "random=" << torch::randint(1000000, {1}).item<int64_t>() << '\n';
  for (char** entry = environ; *entry != nullptr; ++entry) std::cout << *entry << '\n';
}

struct Result {
  std::string output;  // both streams, and a newline in front
  int exit_code;
};

/// Starts this program with what `env` makes of the environment. "_" and SHLVL are its shell's
/// affair.
Result second_process(const std::string& env_arguments) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  std::string without;
  for (const std::string& name : testing::gtest_variables()) without += "-u " + name + " ";
  const std::string command = "exec env " + without + env_arguments + " '" + self +
                              "' --gtest_filter='BeforeMain.*SecondProcess' "
                              "--gtest_also_run_disabled_tests 2>&1";
  FILE* const pipe = ::popen(command.c_str(), "r");
  Result result{"\n", -1};
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe))
    result.output += static_cast<char>(c);
  const int status = ::pclose(pipe);
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

TEST(BeforeMain, SeedsFromCourseSeed) {
  torch::manual_seed(17);
  const std::string expected =
      "random=" + std::to_string(torch::randint(1000000, {1}).item<int64_t>()) + "\n";
  EXPECT_THAT(second_process("COURSE_SEED=17").output, HasSubstr(expected));
  EXPECT_THAT(second_process("COURSE_SEED=18").output, Not(HasSubstr(expected)));
}

TEST(BeforeMain, AChildRunsItsTestWhateverItsParentWasToldToRun) {
  setenv("GTEST_TOTAL_SHARDS", "2", 1);
  setenv("GTEST_SHARD_INDEX", "1", 1);  // the second half of one test
  const std::string output = second_process("COURSE_SEED=17").output;
  unsetenv("GTEST_TOTAL_SHARDS");
  unsetenv("GTEST_SHARD_INDEX");
  EXPECT_THAT(output, HasSubstr("random="));
}

TEST(BeforeMain, AnswersABadSeedWithOneSentence) {
  for (const std::string bad : {"x", "-1", "7 "}) {
    const Result result = second_process("COURSE_SEED='" + bad + "'");
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_EQ(result.output,
              "\nerror: COURSE_SEED must be a whole number of at least 0, not '" + bad + "'\n");
  }
}

#if defined(__linux__) && defined(__GLIBC__)
constexpr const char* kUnset = "-u OMP_WAIT_POLICY -u GOMP_SPINCOUNT OMP_DISPLAY_ENV=verbose ";

TEST(BeforeMain, MakesThreadsSleepUnlessToldOtherwise) {
  const std::string output = second_process(kUnset).output;
  EXPECT_THAT(output, HasSubstr("OMP_WAIT_POLICY = 'PASSIVE'")) << "what libgomp says";
  EXPECT_THAT(output, HasSubstr("GOMP_SPINCOUNT = '0'"));
  EXPECT_THAT(output, HasSubstr("\nOMP_WAIT_POLICY=passive\n")) << "what main and children see";
}

TEST(BeforeMain, LeavesTheUsersOwnPolicy) {
  const std::string active = second_process(std::string(kUnset) + "OMP_WAIT_POLICY=active").output;
  EXPECT_THAT(active, HasSubstr("OMP_WAIT_POLICY = 'ACTIVE'"));
  EXPECT_THAT(active, HasSubstr("\nOMP_WAIT_POLICY=active\n"));
  const std::string count = second_process(std::string(kUnset) + "GOMP_SPINCOUNT=77").output;
  EXPECT_THAT(count, HasSubstr("GOMP_SPINCOUNT = '77'"));
  EXPECT_THAT(count, Not(HasSubstr("\nOMP_WAIT_POLICY=")));
}

TEST(BeforeMain, GivesBackTheVariableWhosePlaceItLent) {
  // Each of these environments has a single variable that can lend its place.
  for (const char* lender : {"PWD=/somewhere", "HOME=/home/x"}) {
    const std::string output =
        second_process(std::string("-i OMP_DISPLAY_ENV=verbose ") + lender).output;
    EXPECT_THAT(output, HasSubstr("OMP_WAIT_POLICY = 'PASSIVE'")) << lender;
    EXPECT_THAT(output, HasSubstr(std::string("\n") + lender + "\n"));
    EXPECT_THAT(output, HasSubstr("\nOMP_WAIT_POLICY=passive\n"));
  }
}

TEST(BeforeMain, RunsInAnEmptyEnvironment) {
  EXPECT_EQ(second_process("-i").exit_code, 0);
}
#endif

}  // namespace
}  // namespace course
