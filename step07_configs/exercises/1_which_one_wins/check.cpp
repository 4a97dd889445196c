// Who wins in settings.h: the default, the file or the flag.
#include "settings.h"

#include <gmock/gmock.h>

namespace {

const Settings kDefaults{{"epochs", 10}, {"learning_rate", 0.1}};

TEST(Settings, AFlagWins) {
  EXPECT_EQ(combine(kDefaults, {{"epochs", 20}}, {{"epochs", {30, true}}})["epochs"], 30)
      << "The default is 10, the file says 20, --epochs 30 was given";
  EXPECT_EQ(combine(kDefaults, {{"epochs", 20}}, {{"epochs", {10, true}}})["epochs"], 10)
      << "The default is 10, the file says 20, --epochs 10 was given: it was given, though it is "
         "the default's value";
}

TEST(Settings, TheFileWinsOverTheDefault) {
  EXPECT_EQ(combine(kDefaults, {{"epochs", 20}}, {{"epochs", {10, false}}})["epochs"], 20)
      << "The default is 10, the file says 20, --epochs was not given";
}

TEST(Settings, AFlagThatWasNotGivenChangesNothing) {
  EXPECT_EQ(combine(kDefaults, {}, {{"epochs", {99, false}}})["epochs"], 10);
}

TEST(Settings, AnUnknownKeyIsRefused) {
  std::string message = "nothing was thrown";
  try {
    combine(kDefaults, {{"learning_rte", 0.5}}, {});
  } catch (const std::invalid_argument& error) {
    message = error.what();
  }
  EXPECT_THAT(message, ::testing::HasSubstr("learning_rte"))
      << "The file says learning_rte, which is no key";
}

}  // namespace
