// What the checks of exercises are written with, beside GoogleTest: predictions, and tests of
// tests.
#pragma once

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace course {

/// For EXPECT_PREDICTION: is the guess the truth? The message tells on which side the guess is, and
/// not the truth.
template <typename Guess, typename Truth>
::testing::AssertionResult is_predicted(const char* guess_text, const char*, const Guess& guess,
                                        const Truth& truth) {
  if (guess == static_cast<Guess>(truth)) return ::testing::AssertionSuccess();
  auto failure = ::testing::AssertionFailure()
                 << "Value of: " << guess_text << "\n  Actual: " << ::testing::PrintToString(guess);
  if constexpr (std::is_arithmetic_v<Guess> && !std::is_same_v<Guess, bool>) {
    return failure << (guess < static_cast<Guess>(truth) ? ", too low" : ", too high")
                   << "\nExpected: what the code does";
  } else {
    return failure << "\nExpected: what the code does, which is something else";
  }
}

/// The learner's guess about something that the check finds out by doing it; both are compared as
/// the guess's type.
#define EXPECT_PREDICTION(guess, truth) EXPECT_PRED_FORMAT2(::course::is_predicted, guess, truth)

/// Runs assertions without letting their failures count: the first failure's words, or "" when all
/// of them held. So a learner's test is tested: it must hold for what is right and fail for what
/// is wrong. An exception out of it counts as a failure.
inline std::string first_failure(const std::function<void()>& test) {
  ::testing::TestPartResultArray results;
  {
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &results);
    try {
      test();
    } catch (const std::exception& error) {
      return std::string("an exception: ") + error.what();
    }
  }
  for (int i = 0; i < results.size(); ++i) {
    if (results.GetTestPartResult(i).failed()) return results.GetTestPartResult(i).message();
  }
  return "";
}

/// How many assertions a test makes and has fail, for a test that must notice something.
inline ::testing::AssertionResult rejects(const std::function<void()>& test) {
  if (first_failure(test).empty()) {
    return ::testing::AssertionFailure() << "your test passes";
  }
  return ::testing::AssertionSuccess();
}

/// The same the other way round: it must find nothing wrong.
inline ::testing::AssertionResult accepts(const std::function<void()>& test) {
  const std::string failure = first_failure(test);
  if (failure.empty()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "your test fails, and says: " << failure;
}

}  // namespace course
