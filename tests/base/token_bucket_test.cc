// A token bucket at a rate that may change, by a clock that may go back.
#include "base/token_bucket.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;
constexpr TokenBucket::TimePoint kStart{1h};

int taken(TokenBucket& bucket, const Rate& rate, TokenBucket::TimePoint now) {
  int count = 0;
  while (count < 1000 && bucket.take(rate, now)) ++count;
  return count;
}

TEST(TokenBucket, GivesItsBurstThenOneAPeriodAndNeverMoreThanTheBurst) {
  const Rate rate{3, 10s};
  TokenBucket bucket(rate, kStart);
  EXPECT_EQ(taken(bucket, rate, kStart), 3);
  EXPECT_EQ(bucket.wait(rate), 10s);
  EXPECT_EQ(taken(bucket, rate, kStart + 9s), 0);
  EXPECT_NEAR(bucket.wait(rate).count(), 1, 1e-9);
  EXPECT_EQ(taken(bucket, rate, kStart + 10s), 1);
  EXPECT_EQ(taken(bucket, rate, kStart + 1h), 3);
}

TEST(TokenBucket, IsFullWhenNothingWasTakenThatHasNotComeBack) {
  const Rate rate{2, 1s};
  TokenBucket bucket(rate, kStart);
  EXPECT_TRUE(bucket.is_full(rate, kStart));
  EXPECT_TRUE(bucket.take(rate, kStart));
  EXPECT_FALSE(bucket.is_full(rate, kStart + 500ms));
  EXPECT_TRUE(bucket.is_full(rate, kStart + 1s));
}

TEST(TokenBucket, KeepsWhenItWasAskedLastAlsoInVain) {
  const Rate rate{1, 1h};
  TokenBucket bucket(rate, kStart);
  EXPECT_EQ(bucket.used(), kStart);
  EXPECT_TRUE(bucket.take(rate, kStart + 1s));
  EXPECT_FALSE(bucket.take(rate, kStart + 2s));
  EXPECT_EQ(bucket.used(), kStart + 2s);
}

TEST(TokenBucket, GainsNothingByAClockThatGoesBackAndForthOrByARateOfNothing) {
  const Rate rate{1, 10s};
  TokenBucket bucket(rate, kStart);
  EXPECT_TRUE(bucket.take(rate, kStart));
  EXPECT_FALSE(bucket.take(rate, kStart - 100s));
  EXPECT_FALSE(bucket.take(rate, kStart));
  EXPECT_EQ(bucket.wait(rate), 10s);
  const Rate nothing{0, 0s};
  TokenBucket odd(nothing, kStart);
  EXPECT_TRUE(odd.take(nothing, kStart));
}

TEST(TokenBucket, ARateForAMinuteMayComeAtOnceAndIsAtLeastOne) {
  EXPECT_EQ(Rate::per_minute(60).burst, 60);
  EXPECT_EQ(Rate::per_minute(60).period, 1s);
  EXPECT_EQ(Rate::per_minute(0).burst, 1);
  EXPECT_EQ(Rate::per_minute(0).period, 1min);
}

}  // namespace
}  // namespace sluice
