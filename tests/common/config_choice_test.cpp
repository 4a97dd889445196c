// Tests that a name picks its entry of a table, or is refused with those that there are.
#include "config/choice.h"

#include <gtest/gtest.h>

#include "config/range.h"
#include "data_testing.h"

namespace course {
namespace {

using testing::message_of;

const std::map<std::string, int> kModels{{"cnn", 1}, {"mlp", 2}, {"resnet", 3}};

TEST(ConfigChoice, PicksByName) {
  EXPECT_EQ(choose("model", "mlp", kModels), 2);
}

TEST(ConfigChoice, AnUnknownNameIsRefusedWithTheNearest) {
  EXPECT_EQ(message_of<UsageError>([] { choose("model", "cmn", kModels); }),
            "model takes cnn, mlp or resnet, not 'cmn'; did you mean cnn?");
  EXPECT_EQ(message_of<UsageError>([] { choose("model", "transformer", kModels); }),
            "model takes cnn, mlp or resnet, not 'transformer'");
  const std::map<std::string, int> one{{"sgd", 1}};
  EXPECT_EQ(message_of<UsageError>([&] { choose("optimizer", "", one); }),
            "optimizer takes sgd, not ''");
}

TEST(ConfigRange, EndsAreInsideUnlessAbove) {
  EXPECT_TRUE(between(0, 1).contains(0) && between(0, 1).contains(1));
  EXPECT_FALSE(between(0, 1).contains(-1e-9) || between(0, 1).contains(1 + 1e-9));
  EXPECT_TRUE(at_least(1).contains(1) && greater_than(1).contains(1.001));
  EXPECT_FALSE(greater_than(1).contains(1));
}

TEST(ConfigRange, NothingHoldsNanOrInfinity) {
  for (const double value :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity()}) {
    EXPECT_FALSE(Range{}.contains(value));
    EXPECT_FALSE(at_least(0).contains(value));
  }
}

TEST(ConfigRange, SaysWhatItTakes) {
  EXPECT_EQ(between(0, 0.5).describe("a number"), "a number from 0 to 0.5");
  EXPECT_EQ(at_least(1).describe("a whole number"), "a whole number of at least 1");
  EXPECT_EQ(greater_than(0).describe("a number"), "a number greater than 0");
  EXPECT_EQ(Range{}.describe("a number"), "a number");
}

}  // namespace
}  // namespace course
