// Every test begins with the same seed, so that weights drawn at random are the same in each run.
#include <gtest/gtest.h>
#include <torch/torch.h>

namespace {

class Seeds : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { torch::manual_seed(0); }
};

[[maybe_unused]] const bool seeded = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new Seeds);
  return true;
}();

}  // namespace
