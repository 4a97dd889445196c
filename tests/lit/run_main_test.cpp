// A program's main: what is printed, and the exit codes.
#include "lit/run_main.h"

#include <csignal>

#include "lit/lit.h"
#include "testing.h"

namespace lit {
namespace {

// "code: what was printed on standard error"
std::string end_of(const std::function<void()>& body) {
  ::testing::internal::CaptureStderr();
  const int code = run_main(body);
  return std::to_string(code) + ": " + ::testing::internal::GetCapturedStderr();
}

TEST(RunMain, SaysInOneLineWhyItEnds) {
  EXPECT_EQ(end_of([] {}), "0: ");
  EXPECT_EQ(end_of([] { throw Error("no loader"); }), "1: error: no loader\n");
  EXPECT_EQ(end_of([] { throw UsageError("--epochs is -1"); }), "2: error: --epochs is -1\n");
  EXPECT_EQ(end_of([] { TORCH_CHECK(false, "shapes differ"); }), "1: error: shapes differ\n");
  EXPECT_EQ(end_of([] { throw std::bad_alloc(); }),
            "1: error: the machine has no memory left; a smaller batch size needs less\n");
  EXPECT_EQ(end_of([] { throw 7; }), "1: error: an exception that is no std::exception\n");
}

TEST(RunMain, EndsAsShellsExpectAfterASignal) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const auto module = std::make_shared<testing::Line>();
    module->on_step = [&](testing::Line&, const Batch&, int64_t batch, const torch::Tensor&) {
      if (batch == 1) std::raise(signal);
    };
    const testing::Messages messages;
    const std::string end = end_of([&] {
      Trainer trainer(testing::quiet({.max_epochs = 1}));
      trainer.fit(module, testing::numbers(5));
    });
    EXPECT_EQ(end.substr(0, end.find(':')), std::to_string(128 + signal));
    EXPECT_EQ(end.find("error"), std::string::npos) << end;
    EXPECT_EQ(module->batches.size(), 2U);
  }
}

TEST(Version, IsThatOfTheProject) {
  EXPECT_EQ(std::string(kVersion), std::to_string(kVersionMajor) + "." +
                                       std::to_string(kVersionMinor) + "." +
                                       std::to_string(kVersionPatch));
  EXPECT_EQ(std::string(kVersion), LIT_PROJECT_VERSION);
}

}  // namespace
}  // namespace lit
