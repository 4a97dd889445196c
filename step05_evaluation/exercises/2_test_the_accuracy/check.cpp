// Runs the test of accuracy_test.h with an accuracy that is right, and with six that are not.
#include "accuracy_test.h"

#include <limits>

#include "exercise/check.h"

namespace {

using Count = std::pair<int64_t, int64_t>;  // right, all

Count count(const std::vector<int64_t>& predictions, const std::vector<int64_t>& labels) {
  Count result;
  for (size_t i = 0; i < labels.size(); ++i) {
    result.first += predictions[i] == labels[i];
    ++result.second;
  }
  return result;
}

Count count(const Labels& predictions, const Labels& labels) {
  Count result;
  for (size_t batch = 0; batch < labels.size(); ++batch) {
    const auto [right, all] = count(predictions[batch], labels[batch]);
    result.first += right;
    result.second += all;
  }
  return result;
}

double share(Count count) {
  return count.second == 0 ? 0
                           : static_cast<double>(count.first) / static_cast<double>(count.second);
}

double right_one(const Labels& predictions, const Labels& labels) {
  return share(count(predictions, labels));
}

// The test with a wrong accuracy must fail.
void expect_rejected(const Accuracy& wrong_one, const std::string& nudge) {
  course::expect_rejected([&] { test_accuracy(wrong_one); }, [] { test_accuracy(right_one); },
                          nudge);
}

TEST(YourTest, HoldsForTheRightOne) {
  course::expect_accepted([] { test_accuracy(right_one); });
}

TEST(YourTest, NoticesTheFirstWrongOne) {
  expect_rejected(
      [](const Labels& predictions, const Labels& labels) {
        double sum = 0;
        for (size_t i = 0; i < labels.size(); ++i) sum += share(count(predictions[i], labels[i]));
        return labels.empty() ? 0 : sum / static_cast<double>(labels.size());
      },
      "It is right as long as all batches are of one length");
}

TEST(YourTest, NoticesTheSecond) {
  expect_rejected(
      [](Labels predictions, Labels labels) {
        if (labels.size() > 1) labels.pop_back();
        return right_one(predictions, labels);
      },
      "It is right as long as there is one batch");
}

TEST(YourTest, NoticesTheThird) {
  expect_rejected(
      [](const Labels& predictions, const Labels& labels) {
        const auto [right, all] = count(predictions, labels);
        return all == 0 ? 0.0 : static_cast<double>(right / all);
      },
      "It is right when all samples are, or none");
}

TEST(YourTest, NoticesTheFourth) {
  expect_rejected(
      [](const Labels& predictions, const Labels& labels) {
        const auto [right, all] = count(predictions, labels);
        return all == 0 ? 0.0 : 1 - share({right, all});
      },
      "It is right when as many samples are right as are wrong");
}

TEST(YourTest, NoticesTheFifth) {
  expect_rejected([](const Labels&, const Labels& labels) { return labels.empty() ? 0.0 : 1.0; },
                  "It never looks at a sample");
}

TEST(YourTest, NoticesTheSixth) {
  expect_rejected(
      [](const Labels& predictions, const Labels& labels) {
        const auto [right, all] = count(predictions, labels);
        return all == 0 ? std::numeric_limits<double>::quiet_NaN() : share({right, all});
      },
      "It is right whenever there is something to count");
}

}  // namespace
