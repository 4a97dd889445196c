// Progress bars: drawn by the clock, gone without a trace, silent in a pipe.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <stdexcept>
#include <string>

#include "terminal/progress.h"
#include "terminal_testing.h"

namespace course {
namespace {

using testing::DescriptorStream;
using ::testing::ElementsAre;
using testing::PseudoTerminal;
using testing::screen_after;
using testing::Variables;

double now = 0;
int clock_reads = 0;

class Progress : public ::testing::Test {
 protected:
  void SetUp() override {
    now = 1000;
    clock_reads = 0;
  }
  static double seconds() {
    ++clock_reads;
    return now;
  }
  ProgressOutput pipe() { return {&stream_, {.interactive = false, .width = 80}, seconds}; }
  ProgressOutput terminal(int64_t width = 80) {
    return {&stream_, {.interactive = true, .width = width}, seconds};
  }
  /// What was written since the last call.
  std::string written() {
    std::string text = stream_.str();
    stream_.str("");
    return text;
  }
  /// A bar with so many columns full and empty.
  static std::string bar(int64_t full, int64_t empty) {
    std::string text;
    for (int64_t i = 0; i < full; ++i) text += "━";
    for (int64_t i = 0; i < empty; ++i) text += "─";
    return text;
  }

 private:
  std::ostringstream stream_;
};

TEST_F(Progress, IsOneLineInAPipe) {
  ProgressBar progress("epoch 1/2", 60000, "images", pipe());
  for (int i = 0; i < 60; ++i) {
    now += 0.1;
    progress.note("loss 0.7");
    progress.advance(1000);
  }
  EXPECT_EQ(written(), "") << "6 seconds are nothing to talk about";
  now = 1012.3;
  progress.finish("loss 0.5213");
  EXPECT_EQ(written(), "epoch 1/2  loss 0.5213  (12.3 s, 4,878 images/s)\n");
  progress.finish("again");
  progress.advance(1000);
  EXPECT_EQ(written(), "");
}

TEST_F(Progress, SaysSomethingInAPipeEveryTenSeconds) {
  ProgressBar progress("epoch 1", 400, "steps", pipe());
  now += 9.9;
  progress.advance(100);
  EXPECT_EQ(written(), "");
  now = 1010;
  progress.note("loss 0.7");
  progress.advance(0);
  EXPECT_EQ(written(), "epoch 1   25 %  loss 0.7  10 steps/s  30 s left\n");
  now = 1019.9;
  progress.advance(100);
  EXPECT_EQ(written(), "");
  now = 1020;
  progress.advance(100);
  EXPECT_EQ(written(), "epoch 1   75 %  loss 0.7  15 steps/s  7 s left\n");
  now = 1040;
  progress.advance(100);  // the last: finish() tells what came of it
  EXPECT_EQ(written(), "");
}

TEST_F(Progress, CloseReturnsTheLineForALog) {
  ProgressBar progress("epoch 1/2", 60000, "images", pipe());
  progress.advance(60000);
  now = 1012.3;
  EXPECT_EQ(progress.close("loss 0.5213"), "epoch 1/2  loss 0.5213  (12.3 s, 4,878 images/s)");
  EXPECT_EQ(progress.close("again"), "");
  EXPECT_EQ(written(), "");
}

TEST_F(Progress, FinishesWithoutTextOrCount) {
  ProgressBar progress("reading", 10, "files", pipe());
  now += 0.84;
  progress.finish();
  EXPECT_EQ(written(), "reading  (840 ms)\n");
}

TEST_F(Progress, DrawsFirstAfterAFifthOfASecondThenEveryTenth) {
  ProgressBar progress("epoch 1", 1000, "images", terminal());
  now = 1000.19;
  progress.advance(100);
  EXPECT_EQ(written(), "");
  now = 1000.2;
  progress.advance(100);
  EXPECT_NE(written(), "");
  now = 1000.29;
  progress.advance(100);
  EXPECT_EQ(written(), "");
  now = 1000.301;
  progress.advance(100);
  EXPECT_NE(written(), "");
}

TEST_F(Progress, DrawsTheBarByTimeHoweverOftenItAdvances) {
  ProgressBar progress("epoch 1", 100000, "images", terminal());
  int draws = 0;
  for (int i = 0; i < 100000; ++i) {  // ten seconds
    now += 0.0001;
    progress.advance();
    if (!written().empty()) ++draws;
  }
  EXPECT_NEAR(draws, 98, 2);
  EXPECT_NEAR(clock_reads, 100000, 200) << "one look at the clock each";
}

TEST_F(Progress, FillsTheLineWithBarPercentageNoteRateAndTimeLeft) {
  ProgressBar progress("epoch 1", 2000, "images", terminal());
  progress.note("loss 0.52");
  now += 2;
  progress.advance(500);
  // 79 columns are free, so the bar has 79 / 4 = 19, of which a quarter, 4, are full.
  EXPECT_EQ(written(),
            "\repoch 1  " + bar(4, 15) + "   25 %  loss 0.52  250 images/s  6 s left\033[K");
  now += 2;
  progress.advance(1499);
  EXPECT_EQ(written(),
            "\repoch 1  " + bar(18, 1) + "   99 %  loss 0.52  500 images/s  0 s left\033[K")
      << "100 % only when all is done";
}

TEST_F(Progress, StaysWithinTheTerminalsWidth) {
  for (int64_t width = 1; width <= 200; ++width) {
    ProgressBar progress("a rather long label: 衬衫", 2000, "images", terminal(width));
    progress.note("loss 0.52");
    now += 2;
    progress.advance(500);
    std::string line = written();
    ASSERT_EQ(line.substr(0, 1), "\r");
    ASSERT_EQ(line.substr(line.size() - 3), "\033[K");
    line = line.substr(1, line.size() - 4);
    EXPECT_LE(display_width(line), width - 1) << line;
    EXPECT_EQ(line.rfind("a", 0) == 0, width >= 3) << line;
    EXPECT_EQ(line.find("  25 %") != std::string::npos, width >= 33) << width;
    progress.finish();
    written();
  }
}

TEST_F(Progress, CountsWhereTheTotalIsUnknown) {
  ProgressBar progress("reading", 0, "files", terminal());
  now += 2;
  progress.advance(2468);
  EXPECT_EQ(written(), "\rreading  2,468 files  1,234 files/s\033[K");
}

TEST_F(Progress, ShowsAFullBarWhenThereIsMoreThanExpected) {
  ProgressBar progress("epoch 1", 10, "steps", terminal());
  now += 1;
  progress.advance(25);
  EXPECT_EQ(written(), "\repoch 1  " + bar(19, 0) + "  100 %  25 steps/s\033[K");
}

/// What stands on a real pseudo-terminal after the bar has been used in the way of `use`.
template <typename Use>
std::vector<std::string> screen_of(Use use) {
  PseudoTerminal pseudo(60);
  DescriptorStream stream(pseudo.descriptor());
  const Terminal examined = examine_terminal(pseudo.descriptor(), Variables{{"TERM", "xterm"}});
  use(ProgressOutput{&stream, examined, [] { return now; }});
  return screen_after(pseudo.read());
}

TEST(ProgressOnATerminal, LeavesTheResultInPlaceOfTheBar) {
  EXPECT_THAT(screen_of([](const ProgressOutput& output) {
                ProgressBar progress("epoch 1", 100, "steps", output);
                for (int i = 0; i < 100; ++i) {
                  now += 0.05;
                  progress.note(i < 50 ? "a note that is long" : "short");
                  progress.advance();
                }
                progress.finish("loss 0.5");
              }),
              ElementsAre("epoch 1  loss 0.5  (5.0 s, 20 steps/s)", ""));
}

TEST(ProgressOnATerminal, ShowsTheBarWhileItRuns) {
  PseudoTerminal pseudo(60);
  DescriptorStream stream(pseudo.descriptor());
  const Terminal examined = examine_terminal(pseudo.descriptor(), Variables{{"TERM", "xterm"}});
  ProgressBar progress("epoch 1", 100, "steps", {&stream, examined, [] { return now; }});
  now += 1;
  progress.advance(50);
  EXPECT_THAT(screen_after(pseudo.read()),
              ElementsAre("epoch 1  ━━━━━━━───────   50 %  50 steps/s  1 s left"));
}

TEST(ProgressOnATerminal, IsWipedAwayWhenAnExceptionPasses) {
  EXPECT_THAT(screen_of([](const ProgressOutput& output) {
                try {
                  ProgressBar progress("epoch 1", 100, "steps", output);
                  now += 1;
                  progress.advance(50);
                  throw std::runtime_error("the loss is not a number");
                } catch (const std::runtime_error& error) {
                  *output.stream << "error: " << error.what() << '\n';
                }
              }),
              ElementsAre("error: the loss is not a number", ""));
}

TEST(ProgressOnATerminal, WritesNoEscapesWhenItIsTooQuickToBeSeen) {
  PseudoTerminal pseudo(60);
  DescriptorStream stream(pseudo.descriptor());
  const Terminal examined = examine_terminal(pseudo.descriptor(), Variables{{"TERM", "xterm"}});
  {
    ProgressBar progress("epoch 1", 100, "steps", {&stream, examined, [] { return now; }});
    now += 0.1;
    progress.advance(100);
    progress.finish();
  }
  EXPECT_EQ(pseudo.read(), "epoch 1  (100 ms, 1,000 steps/s)\r\n") << "the \\r is the terminal's";
}

}  // namespace
}  // namespace course
