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
::testing::AssertionResult is_predicted(const char*, const char*, const Guess& guess,
                                        const Truth& truth) {
  if (guess == static_cast<Guess>(truth)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "You said " << guess << ", which is too "
                                       << (guess < static_cast<Guess>(truth) ? "low" : "high");
}

/// The same for answers that are no amounts: yes or no, one of several.
template <typename Guess, typename Truth>
::testing::AssertionResult is_chosen(const char*, const char*, const Guess& guess,
                                     const Truth& truth) {
  if (guess == static_cast<Guess>(truth)) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure()
         << "You said " << ::testing::PrintToString(guess) << ", which is not so";
}

/// The learner's guess about something that the check finds out by doing it; both are compared as
/// the guess's type.
#define EXPECT_PREDICTION(guess, truth) EXPECT_PRED_FORMAT2(::course::is_predicted, guess, truth)
#define EXPECT_CHOICE(guess, truth) EXPECT_PRED_FORMAT2(::course::is_chosen, guess, truth)

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

/// Fails unless the learner's test holds for what is right.
inline void expect_accepted(const std::function<void()>& test_of_right_one) {
  const std::string failure = first_failure(test_of_right_one);
  if (!failure.empty()) {
    ADD_FAILURE() << "Your test fails for the one that is right. It says:\n" << failure;
  }
}

/// Fails unless the learner's test holds for what is right, and not for what is wrong.
inline void expect_rejected(const std::function<void()>& test_of_wrong_one,
                            const std::function<void()>& test_of_right_one,
                            const std::string& nudge) {
  if (!first_failure(test_of_right_one).empty()) {
    ADD_FAILURE() << "This counts when your test holds for the one that is right";
  } else if (first_failure(test_of_wrong_one).empty()) {
    ADD_FAILURE() << "A wrong one gets past your test. " << nudge;
  }
}

}  // namespace course
