// The metric of top_k.h, by hand.
#include "top_k.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

namespace {

// The label's score is the highest, the second, the second.
const torch::Tensor kScores =
    torch::tensor({{9.0F, 1.0F, 2.0F}, {5.0F, 9.0F, 1.0F}, {8.0F, 1.0F, 9.0F}});
const torch::Tensor kLabels = torch::tensor({0, 0, 0});

double after(TopK& metric, std::initializer_list<std::pair<torch::Tensor, torch::Tensor>> batches) {
  for (const auto& [scores, labels] : batches) metric.update(scores, labels);
  return metric.compute().to(torch::kFloat64).item<double>();
}

TEST(TopK, CountsTheLabelAmongTheHighestK) {
  for (const int64_t k : {1, 2, 3}) {
    TopK metric(k);
    EXPECT_NEAR(after(metric, {{kScores, kLabels}}), k == 1 ? 1.0 / 3 : 1.0, 1e-6)
        << "The label's score is the highest in one sample, the second in two others; k is " << k;
  }
}

TEST(TopK, WeighsBatchesBySize) {
  TopK metric(1);
  EXPECT_NEAR(after(metric, {{kScores, kLabels}, {kScores.slice(0, 0, 1), kLabels.slice(0, 0, 1)}}),
              0.5, 1e-6)
      << "One of three is right, and one of one: two of four";
}

TEST(TopK, ForwardGivesTheBatchAlone) {
  TopK metric(1);
  metric.update(kScores, kLabels);
  EXPECT_NEAR(
      metric(kScores.slice(0, 0, 1), kLabels.slice(0, 0, 1)).to(torch::kFloat64).item<double>(),
      1.0, 1e-6)
      << "The batch's own value; batches before it do not count";
}

TEST(TopK, CanBeReset) {
  TopK metric(1);
  metric.update(kScores, kLabels);
  metric.reset();
  EXPECT_NEAR(after(metric, {{kScores.slice(0, 0, 1), kLabels.slice(0, 0, 1)}}), 1.0, 1e-6)
      << "What was before a reset does not count";
}

TEST(TopK, TwoCanBeMerged) {
  TopK here(1), there(1);
  here.update(kScores, kLabels);
  there.update(kScores.slice(0, 0, 1), kLabels.slice(0, 0, 1));
  here.merge_state(there);
  EXPECT_NEAR(here.compute().to(torch::kFloat64).item<double>(), 0.5, 1e-6)
      << "Two processes: one of three, and one of one";
}

TEST(TopK, RefusesZeroAndBelow) {
  std::string message = "nothing was thrown";
  try {
    TopK(0);
  } catch (const lit::Error& error) {
    message = error.what();
  } catch (const std::exception& error) {
    message = std::string("another exception than lit::Error: ") + error.what();
  }
  EXPECT_THAT(message, ::testing::HasSubstr("k")) << "k = 0 can never be right";
  EXPECT_THAT(message, ::testing::Not(::testing::AnyOf("nothing was thrown",
                                                       ::testing::StartsWith("another"))))
      << "k = 0 is refused by a lit::Error";
}

}  // namespace
