// requests of one key at a rate, in bounded memory.
#include "smart/rate_limiter.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sluice::smart {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
const RateLimiter::TimePoint kStart{std::chrono::hours(1)};

TEST(RateLimiter, GivesTheBurstThenOneAPeriodAndSaysHowLongToWait) {
  RateLimiter limiter;
  const Rate rate{3, seconds(10)};
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limiter.take("a", rate, kStart));
  EXPECT_EQ(limiter.take("a", rate, kStart), seconds(10));
  EXPECT_EQ(limiter.take("a", rate, kStart + milliseconds(2500)), seconds(8));
  EXPECT_EQ(limiter.take("a", rate, kStart + milliseconds(9900)), seconds(1));
  EXPECT_FALSE(limiter.take("a", rate, kStart + seconds(10)));
  EXPECT_TRUE(limiter.take("a", rate, kStart + seconds(10)));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(limiter.take("a", rate, kStart + seconds(1000)));
  EXPECT_TRUE(limiter.take("a", rate, kStart + seconds(1000)));
}

TEST(RateLimiter, KeysDoNotShare) {
  RateLimiter limiter;
  EXPECT_FALSE(limiter.take("a", {1, seconds(1)}, kStart));
  EXPECT_TRUE(limiter.take("a", {1, seconds(1)}, kStart));
  EXPECT_FALSE(limiter.take("b", {1, seconds(1)}, kStart));
  limiter.forget("a");
  limiter.forget("never there");
  EXPECT_FALSE(limiter.take("a", {1, seconds(1)}, kStart));
}

TEST(RateLimiter, PerMinuteIsThatManyInAMinute) {
  RateLimiter limiter;
  int taken = 0;
  for (int i = 0; i < 600; ++i) {
    if (!limiter.take("a", Rate::per_minute(60), kStart + milliseconds(100 * i))) ++taken;
  }
  EXPECT_NEAR(taken, 60 + 59, 1);
}

TEST(RateLimiter, OddRatesAndAClockThatGoesBackDoNoHarm) {
  RateLimiter limiter;
  EXPECT_FALSE(limiter.take("a", {0, seconds(0)}, kStart));
  EXPECT_FALSE(limiter.take("b", {1, seconds(5)}, kStart));
  EXPECT_EQ(limiter.take("b", {1, seconds(5)}, kStart - seconds(100)), seconds(5));
  EXPECT_EQ(limiter.take("b", {1, std::chrono::hours(24 * 365)}, kStart), seconds(24 * 3600));
  EXPECT_EQ(Rate::per_minute(0).burst, 1);
}

TEST(RateLimiter, ForgetsTheKeyThatWasQuietLongest) {
  RateLimiter limiter(3);
  const Rate rate{1, std::chrono::hours(1)};
  for (const char* key : {"a", "b", "c"}) EXPECT_FALSE(limiter.take(key, rate, kStart));
  EXPECT_TRUE(limiter.take("a", rate, kStart));
  EXPECT_FALSE(limiter.take("d", rate, kStart));
  EXPECT_EQ(limiter.size(), 3u);
  EXPECT_TRUE(limiter.take("a", rate, kStart)) << "a was used after b";
  EXPECT_FALSE(limiter.take("b", rate, kStart)) << "b was forgotten";
  for (int i = 0; i < 1000; ++i) limiter.take(fmt::format("x{}", i), rate, kStart);
  EXPECT_EQ(limiter.size(), 3u);
}

TEST(RateLimiter, ThreadsTogetherGetTheBurst) {
  RateLimiter limiter;
  std::atomic<int> taken = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        if (!limiter.take("a", {500, std::chrono::hours(1)}, kStart)) ++taken;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(taken, 500);
}

}  // namespace
}  // namespace sluice::smart
