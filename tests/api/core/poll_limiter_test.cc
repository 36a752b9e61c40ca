// Holding clients to Retry-After (S-04).
#include "api/core/poll_limiter.h"

#include <gtest/gtest.h>

namespace sluice::api {
namespace {

using namespace std::chrono_literals;
using Time = std::chrono::steady_clock::time_point;

TEST(PollLimiter, S04AllowsTheBurstThenOnePollForEachRetryAfter) {
  PollLimiter limiter(3);
  Time now{};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.allow("job", 5s, now));
  EXPECT_FALSE(limiter.allow("job", 5s, now));
  now += 4s;
  EXPECT_FALSE(limiter.allow("job", 5s, now));
  now += 2s;
  EXPECT_TRUE(limiter.allow("job", 5s, now));
  EXPECT_FALSE(limiter.allow("job", 5s, now));
}

TEST(PollLimiter, S04JobsDoNotCountForEachOther) {
  PollLimiter limiter(1);
  const Time now{};
  EXPECT_TRUE(limiter.allow("a", 5s, now));
  EXPECT_FALSE(limiter.allow("a", 5s, now));
  EXPECT_TRUE(limiter.allow("b", 5s, now));
}

TEST(PollLimiter, S04ARefusedPollCostsNothing) {
  PollLimiter limiter(1);
  Time now{};
  EXPECT_TRUE(limiter.allow("job", 2s, now));
  for (int i = 0; i < 19; ++i) EXPECT_FALSE(limiter.allow("job", 2s, now += 100ms)) << i;
  EXPECT_TRUE(limiter.allow("job", 2s, now += 150ms));
}

TEST(PollLimiter, S04TheAllowanceDoesNotGrowBeyondTheBurst) {
  PollLimiter limiter(2);
  Time now{};
  EXPECT_TRUE(limiter.allow("job", 1s, now));
  now += 1h;
  EXPECT_TRUE(limiter.allow("job", 1s, now));
  EXPECT_TRUE(limiter.allow("job", 1s, now));
  EXPECT_FALSE(limiter.allow("job", 1s, now));
}

TEST(PollLimiter, ManyJobsThatNobodyAsksForAnyMoreAreForgotten) {
  PollLimiter limiter(1);
  Time now{};
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(limiter.allow(std::to_string(i), 30s, now));
  now += 2h;
  // The sweep leaves room: an old job has its full allowance again, as a new one has.
  EXPECT_TRUE(limiter.allow("new", 30s, now));
  EXPECT_TRUE(limiter.allow("1", 30s, now));
  EXPECT_FALSE(limiter.allow("1", 30s, now));
}

}  // namespace
}  // namespace sluice::api
