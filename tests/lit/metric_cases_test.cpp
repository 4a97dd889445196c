// Metrics: cases with the values that torchmetrics gave.
#include "metrics/kept.h"
#include "testing.h"

namespace lit {
namespace {

TEST(MetricCases, HaveTheValuesOfTorchmetrics) {
  const testing::Messages quiet;
  cases::expect_kept_values();
}

}  // namespace
}  // namespace lit
