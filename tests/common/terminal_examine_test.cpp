// What is found out about standard output: terminal or pipe, width, colours.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "terminal/terminal.h"
#include "terminal_testing.h"

namespace course {
namespace {

using testing::PseudoTerminal;
using testing::Variables;

class ExamineTerminal : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(::pipe(pipe_.data()), 0); }
  void TearDown() override {
    ::close(pipe_[0]);
    ::close(pipe_[1]);
  }
  Terminal of_pipe(Variables variables) const { return examine_terminal(pipe_[1], variables); }
  Terminal of_terminal(Variables variables) const {
    return examine_terminal(terminal_.descriptor(), variables);
  }
  Color color(Variables variables) const { return of_terminal(variables).color; }

  PseudoTerminal terminal_{57};

 private:
  std::array<int, 2> pipe_{};
};

TEST_F(ExamineTerminal, KnowsAPipeFromATerminal) {
  const Variables xterm{{"TERM", "xterm-256color"}};
  EXPECT_FALSE(of_pipe(xterm).interactive);
  EXPECT_TRUE(of_terminal(xterm).interactive);
  EXPECT_FALSE(of_terminal({{"TERM", "dumb"}}).interactive) << "it cannot erase a line";
}

TEST_F(ExamineTerminal, TakesTheWidthOfTheTerminalThenOfColumns) {
  EXPECT_EQ(of_terminal({{"COLUMNS", "33"}}).width, 57);
  EXPECT_EQ(of_pipe({{"COLUMNS", "33"}}).width, 33);
  EXPECT_EQ(of_pipe({}).width, 80);
  EXPECT_EQ(examine_terminal(PseudoTerminal(0).descriptor(), Variables{{"COLUMNS", "33"}}).width,
            33)
      << "a terminal that does not know its width";
}

TEST_F(ExamineTerminal, DoesNotBelieveNonsenseInColumns) {
  for (const char* nonsense : {"", "0", "-5", "wide", "80x", " 80", "99999999999999999999"}) {
    EXPECT_EQ(of_pipe({{"COLUMNS", nonsense}}).width, 80) << nonsense;
  }
}

TEST_F(ExamineTerminal, PaintsOnTerminalsOnly) {
  EXPECT_EQ(color({{"TERM", "xterm"}}), Color::ansi256);
  EXPECT_EQ(color({{"TERM", "xterm"}, {"COLORTERM", "truecolor"}}), Color::truecolor);
  EXPECT_EQ(color({{"TERM", "xterm"}, {"COLORTERM", "24bit"}}), Color::truecolor);
  EXPECT_EQ(color({{"TERM", "xterm"}, {"COLORTERM", "yes"}}), Color::ansi256);
  EXPECT_EQ(of_pipe({{"TERM", "xterm"}, {"COLORTERM", "truecolor"}}).color, Color::none);
  EXPECT_EQ(color({{"TERM", "dumb"}, {"COLORTERM", "truecolor"}}), Color::none);
}

TEST_F(ExamineTerminal, ObeysNoColorUnlessItIsEmpty) {
  EXPECT_EQ(color({{"TERM", "xterm"}, {"NO_COLOR", "1"}}), Color::none);
  EXPECT_EQ(color({{"TERM", "xterm"}, {"NO_COLOR", "0"}}), Color::none) << "the value is no matter";
  EXPECT_EQ(color({{"TERM", "xterm"}, {"NO_COLOR", ""}}), Color::ansi256);
}

TEST_F(ExamineTerminal, CanBeForcedToPaintIntoAPipe) {
  EXPECT_EQ(of_pipe({{"CLICOLOR_FORCE", "1"}}).color, Color::ansi256);
  EXPECT_EQ(of_pipe({{"CLICOLOR_FORCE", "1"}, {"COLORTERM", "24bit"}}).color, Color::truecolor);
  EXPECT_EQ(of_pipe({{"CLICOLOR_FORCE", "0"}}).color, Color::none);
  EXPECT_EQ(of_pipe({{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}}).color, Color::none)
      << "who wants no colours is asked first";
  EXPECT_FALSE(of_pipe({{"CLICOLOR_FORCE", "1"}}).interactive) << "a pipe cannot be redrawn";
}

}  // namespace
}  // namespace course
