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

TEST(YourTest, AcceptsTheRightOne) {
  EXPECT_TRUE(course::accepts([] { test_accuracy(right_one); }));
}

TEST(YourTest, NoticesThatBatchesWeighTheSame) {
  EXPECT_TRUE(course::rejects([] {
    test_accuracy([](const Labels& predictions, const Labels& labels) {
      double sum = 0;
      for (size_t i = 0; i < labels.size(); ++i) sum += share(count(predictions[i], labels[i]));
      return labels.empty() ? 0 : sum / static_cast<double>(labels.size());
    });
  })) << "This accuracy is the mean of the batches' accuracies, however long they are";
}

TEST(YourTest, NoticesThatTheLastBatchIsForgotten) {
  EXPECT_TRUE(course::rejects([] {
    test_accuracy([](Labels predictions, Labels labels) {
      if (labels.size() > 1) labels.pop_back();
      return right_one(predictions, labels);
    });
  })) << "This accuracy leaves out the last of several batches";
}

TEST(YourTest, NoticesThatItDividesWholeNumbers) {
  EXPECT_TRUE(course::rejects([] {
    test_accuracy([](const Labels& predictions, const Labels& labels) {
      const auto [right, all] = count(predictions, labels);
      return all == 0 ? 0.0 : static_cast<double>(right / all);
    });
  })) << "This accuracy is 0 unless all are right: it divides whole numbers";
}

TEST(YourTest, NoticesThatItCountsTheWrongOnes) {
  EXPECT_TRUE(course::rejects([] {
    test_accuracy([](const Labels& predictions, const Labels& labels) {
      const auto [right, all] = count(predictions, labels);
      return all == 0 ? 0.0 : 1 - share({right, all});
    });
  })) << "This accuracy is the share of mistakes";
}

TEST(YourTest, NoticesThatItAlwaysSaysOne) {
  EXPECT_TRUE(course::rejects([] {
    test_accuracy([](const Labels&, const Labels& labels) { return labels.empty() ? 0.0 : 1.0; });
  })) << "This accuracy is always 1";
}

TEST(YourTest, NoticesThatNoSamplesAreNotANumber) {
  EXPECT_TRUE(course::rejects([] {
    test_accuracy([](const Labels& predictions, const Labels& labels) {
      const auto [right, all] = count(predictions, labels);
      return all == 0 ? std::numeric_limits<double>::quiet_NaN() : share({right, all});
    });
  })) << "This accuracy is not a number (0 / 0) when there are no samples";
}

}  // namespace
