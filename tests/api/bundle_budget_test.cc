// I-05: how much of posted Bundles is in work at once.
#include "api/core/bundle_budget.h"

#include <gtest/gtest.h>

#include <optional>

namespace sluice::api {
namespace {

TEST(BundleBudget, RefusesWhatIsTooMuchUntilOthersAreDone) {
  BundleBudget budget(100);
  std::optional<Result<BundleBudget::Share>> first = budget.take(60);
  ASSERT_TRUE(*first);
  auto second = budget.take(40);
  ASSERT_TRUE(second);
  const auto third = budget.take(1);
  ASSERT_FALSE(third);
  EXPECT_EQ(third.error().kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(third.error().retry_after);
  first.reset();
  EXPECT_TRUE(budget.take(60));
  EXPECT_FALSE(budget.take(61));
}

TEST(BundleBudget, OneAloneMayBeLargerThanAll) {
  BundleBudget budget(100);
  {
    const auto share = budget.take(1000);
    ASSERT_TRUE(share);
    EXPECT_FALSE(budget.take(1));
  }
  EXPECT_TRUE(budget.take(100));
}

}  // namespace
}  // namespace sluice::api
