// What /readyz says: at once, also while the store hangs.
#include "api/routes/readiness.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

namespace sluice::api {
namespace {

using namespace std::chrono_literals;
using Steady = std::chrono::steady_clock;

template <class Condition>
bool comes_to(Condition condition) {
  for (int i = 0; i < 20'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

TEST(Readiness, TellsWhatWasSeenLast) {
  std::atomic<bool> fails{false};
  const Readiness readiness([&] { return fails ? "the disk is gone" : ""; }, {1ms, 5s});
  EXPECT_EQ(readiness.trouble(), "");
  fails = true;
  ASSERT_TRUE(comes_to([&] { return !readiness.trouble().empty(); }));
  EXPECT_EQ(readiness.trouble(), "the disk is gone");
  fails = false;
  EXPECT_TRUE(comes_to([&] { return readiness.trouble().empty(); }));
}

TEST(Readiness, IsToldAtOnceThatTheStoreHangs) {
  std::atomic<bool> hangs{false};
  const auto look = [&]() -> std::string {
    while (hangs) std::this_thread::sleep_for(1ms);
    return "";
  };
  const Readiness readiness(look, {1ms, 20ms});
  hangs = true;
  auto longest = Steady::duration::zero();
  const bool told = comes_to([&] {
    const auto begun = Steady::now();
    const bool is_well = readiness.trouble().empty();
    longest = std::max(longest, Steady::now() - begun);
    return !is_well;
  });
  EXPECT_TRUE(told);
  EXPECT_LT(longest, 5s);
  EXPECT_EQ(readiness.trouble(), "the store does not answer in time");
  hangs = false;
  EXPECT_TRUE(comes_to([&] { return readiness.trouble().empty(); }));
}

}  // namespace
}  // namespace sluice::api
