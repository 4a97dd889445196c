// The spellings that differ between versions of libtorch.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>
#include <type_traits>

#include "compat/torch.h"

namespace course::compat {
namespace {

TEST(CompatTorch, NamesTheVersionOfTheHeaders) {
  const std::string version = torch_version();
  EXPECT_EQ(version.rfind(std::to_string(TORCH_VERSION_MAJOR) + ".", 0), 0U) << version;
  EXPECT_EQ(std::count(version.begin(), version.end(), '.'), 2) << version;
}

TEST(CompatTorch, KnowsTheTypeThatAllocatorsReportIn) {
  EXPECT_EQ(sizeof(ReportedSize), 8U);
  EXPECT_EQ((std::is_same_v<ReportedSize, int64_t>), TORCH_VERSION_MAJOR == 1);
}

}  // namespace
}  // namespace course::compat
