// a write that others' writes come before is tried again so often and so long, and no longer.
#include "rest/retries.h"

#include <gtest/gtest.h>

namespace sluice::rest {
namespace {

TEST(Retries, EndWithTheNumberOfAttempts) {
  Retries retries(3);
  EXPECT_TRUE(retries.again());
  EXPECT_TRUE(retries.again());
  EXPECT_FALSE(retries.again());
  EXPECT_EQ(retries.attempts(), 3);
}

TEST(Retries, EndWithTheTime) {
  Retries retries(3, Retries::Clock::now());
  EXPECT_FALSE(retries.again());
  EXPECT_EQ(retries.attempts(), 1);
}

}  // namespace
}  // namespace sluice::rest
