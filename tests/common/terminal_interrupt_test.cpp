// Tests that Ctrl-C is noticed between two steps, once, and that nothing of it stays behind.
#include "terminal/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "config/program.h"
#include "terminal/progress.h"

namespace course {
namespace {

volatile std::sig_atomic_t heard = 0;

extern "C" void hear(int signal) {
  heard = signal;
}

// The signal that throw_if_interrupted() throws; 0: none.
int thrown() {
  try {
    throw_if_interrupted();
  } catch (const Interrupted& stop) {
    return stop.signal();
  }
  return 0;
}

// Whoever runs this has a handler of their own, as a host program may.
class Interrupt : public ::testing::Test {
 protected:
  void SetUp() override {
    heard = 0;
    before_int_ = std::signal(SIGINT, hear);
    before_term_ = std::signal(SIGTERM, hear);
    before_hup_ = std::signal(SIGHUP, hear);
  }
  void TearDown() override {
    std::signal(SIGINT, before_int_);
    std::signal(SIGTERM, before_term_);
    std::signal(SIGHUP, before_hup_);
  }

 private:
  void (*before_int_)(int);
  void (*before_term_)(int);
  void (*before_hup_)(int);
};

TEST_F(Interrupt, IsThrownOnceWhereItIsAskedFor) {
  const InterruptGuard guard;
  EXPECT_EQ(thrown(), 0);
  std::raise(SIGTERM);
  EXPECT_EQ(heard, 0);
  EXPECT_EQ(thrown(), SIGTERM);
  EXPECT_EQ(thrown(), 0);
}

TEST_F(Interrupt, TheHandlerOfBeforeComesBack) {
  {
    const InterruptGuard outer;
    { const InterruptGuard inner; }
    std::raise(SIGINT);
    EXPECT_EQ(heard, 0) << "the outer guard is still there";
    EXPECT_EQ(thrown(), SIGINT);
  }
  EXPECT_EQ(heard, 0);
  std::raise(SIGINT);
  EXPECT_EQ(heard, SIGINT);
}

TEST_F(Interrupt, WhatNobodyAskedForIsRaisedAgain) {
  {
    const InterruptGuard guard;
    std::raise(SIGTERM);
    EXPECT_EQ(heard, 0);
  }
  EXPECT_EQ(heard, SIGTERM);
  EXPECT_EQ(thrown(), 0);
}

TEST_F(Interrupt, WhatIsIgnoredStaysIgnored) {
  std::signal(SIGINT, SIG_IGN);  // as under nohup
  const InterruptGuard guard;
  std::raise(SIGINT);
  EXPECT_EQ(thrown(), 0);
}

TEST_F(Interrupt, AHangUpIsTakenNoteOf) {
  {
    const InterruptGuard guard;
    std::raise(SIGHUP);
    EXPECT_EQ(heard, 0);
    EXPECT_EQ(thrown(), SIGHUP);
  }
  std::raise(SIGHUP);
  EXPECT_EQ(heard, SIGHUP) << "the handler of before is back";
}

// The terminal sends one and the shell in it another, also while the first is being answered.
TEST_F(Interrupt, AHangUpThatComesTwiceIsOne) {
  {
    const InterruptGuard guard;
    std::raise(SIGHUP);
    std::raise(SIGHUP);
    EXPECT_EQ(thrown(), SIGHUP);
    std::raise(SIGHUP);
    EXPECT_EQ(thrown(), 0);
  }
  EXPECT_EQ(heard, 0);
}

TEST_F(Interrupt, AHangUpIsIgnoredUnderNohup) {
  std::signal(SIGHUP, SIG_IGN);
  const InterruptGuard guard;
  std::raise(SIGHUP);
  EXPECT_EQ(thrown(), 0);
}

TEST_F(Interrupt, AProgressBarThrowsFromAdvance) {
  std::ostringstream stream;
  ProgressBar progress("epoch 1", 10, "pictures",
                       {&stream, {.interactive = false, .width = 80}, [] { return 0.0; }});
  progress.advance(1);
  std::raise(SIGINT);
  EXPECT_THROW(progress.advance(1), Interrupted);
}

TEST_F(Interrupt, EndsAProgramWithTheExitCodeOfTheShells) {
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(run_program([] { throw Interrupted(SIGINT); }), 130);
  EXPECT_EQ(run_program([] { throw Interrupted(SIGTERM); }), 143);
  EXPECT_EQ(run_program([] { throw Interrupted(SIGHUP); }), 129);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "stopped by Ctrl-C\nstopped by SIGTERM\nstopped by SIGHUP\n");
}

TEST(InterruptDeathTest, TheSecondSignalEndsTheProcess) {
  EXPECT_EXIT(
      {
        const InterruptGuard guard;
        std::raise(SIGINT);
        std::raise(SIGINT);
      },
      ::testing::KilledBySignal(SIGINT), "");
  EXPECT_EXIT(
      {
        const InterruptGuard guard;
        std::raise(SIGINT);
        std::raise(SIGTERM);
      },
      ::testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace course
